package io.sluice;

import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.ChainingStrategy;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;

/**
 * The same records, for whose event time nobody waits: the stream is idle from before its first record.
 *
 * <p>A stream that falls idle by a timeout has no event time until then, and what reads it has none either: after a
 * restart, what is late would be in time.
 */
public class NotWaitedFor<T> extends AbstractStreamOperator<T> implements OneInputStreamOperator<T, T> {
    public NotWaitedFor() {
        chainingStrategy = ChainingStrategy.ALWAYS;
    }

    @Override
    public void open() throws Exception {
        super.open();
        output.emitWatermarkStatus(WatermarkStatus.IDLE);
    }

    @Override
    public void processElement(StreamRecord<T> element) {
        output.collect(element);
    }

    @Override
    public void processWatermark(Watermark mark) {
        if (mark.equals(Watermark.MAX_WATERMARK)) { // the end of all input
            output.emitWatermarkStatus(WatermarkStatus.ACTIVE);
            output.emitWatermark(mark);
        }
    }

    @Override
    public void processWatermarkStatus(WatermarkStatus status) {
        // It stays idle.
    }
}
