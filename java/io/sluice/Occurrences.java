package io.sluice;

import java.util.Iterator;
import java.util.Map;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.types.Row;
import org.apache.flink.util.Collector;

/**
 * How often the id of each message has arrived, itself included: 1 is the message, more are duplicates.
 *
 * <p>Counted by device and not by id: so all of a device goes one way, and its readings reach the rules in the order of
 * the stream. Of two readings of one moment every run then sees the same first.
 *
 * <p>By the clock, so that a message is known at once. An id is forgotten when it has not been seen for so long.
 */
public class Occurrences extends KeyedProcessFunction<String, Row, Row> {
    private static final String DEVICE = "device_id";
    private static final String MESSAGE = "message_id";
    private static final String OCCURRENCE = "occurrence";
    /** Knuth's: devices whose names differ by their last digit come to lie far apart. */
    private static final long SPREAD = 2_654_435_761L;

    private final long remembered;
    /** Message id → how often it came, and when it came last. */
    private transient MapState<String, Tuple2<Long, Long>> seen;

    /** In milliseconds. */
    Occurrences(long remembered) {
        this.remembered = remembered;
    }

    /** The same rows, with the column `occurrence` filled in by the ids of the last `remembered` milliseconds. */
    public static DataStream<Row> count(DataStream<Row> messages, long remembered) {
        return messages.keyBy(message -> message.getFieldAs(DEVICE), Types.STRING)
                .process(new Occurrences(remembered), messages.getType());
    }

    @Override
    public void open(OpenContext context) {
        seen = getRuntimeContext().getMapState(
                new MapStateDescriptor<>("seen", Types.STRING, Types.TUPLE(Types.LONG, Types.LONG)));
    }

    @Override
    public void processElement(Row message, Context context, Collector<Row> out) throws Exception {
        long now = context.timerService().currentProcessingTime();
        String id = message.getFieldAs(MESSAGE);
        Tuple2<Long, Long> before = seen.get(id);
        long occurrence = before == null || isForgotten(before, now) ? 1 : before.f0 + 1;
        seen.put(id, Tuple2.of(occurrence, now));
        context.timerService().registerProcessingTimeTimer(nextCleaning(context.getCurrentKey(), now));
        message.setField(OCCURRENCE, occurrence);
        out.collect(message);
    }

    @Override
    public void onTimer(long time, OnTimerContext context, Collector<Row> out) throws Exception {
        long now = context.timerService().currentProcessingTime();
        Iterator<Map.Entry<String, Tuple2<Long, Long>>> entries = seen.iterator();
        while (entries.hasNext()) {
            if (isForgotten(entries.next().getValue(), now)) {
                entries.remove();
            }
        }
        if (seen.isEmpty()) {
            seen.clear(); // a map without entries is an entry, too
        } else {
            context.timerService().registerProcessingTimeTimer(nextCleaning(context.getCurrentKey(), now));
        }
    }

    private boolean isForgotten(Tuple2<Long, Long> last, long now) {
        return now - last.f1 > remembered;
    }

    /** Once in the time that ids are remembered, each device at a moment of its own. */
    private long nextCleaning(String device, long now) {
        long phase = Math.floorMod(device.hashCode() * SPREAD, remembered);
        return now - Math.floorMod(now - phase, remembered) + remembered;
    }
}
