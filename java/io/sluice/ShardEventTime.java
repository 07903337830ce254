package io.sluice;

import java.util.HashMap;
import java.util.Map;

import org.apache.flink.api.common.TaskInfo;
import org.apache.flink.api.common.operators.ProcessingTimeService.ProcessingTimeCallback;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.runtime.state.StateInitializationContext;
import org.apache.flink.runtime.state.StateSnapshotContext;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.ChainingStrategy;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.apache.flink.types.Row;

/**
 * Event time of decoded records: the greatest of each shard less a delay, the slowest shard counting.
 *
 * <p>A subtask may read several shards, and one that is read slower must hold event time back for all of them. A shard
 * that has brought nothing for the idle timeout while others have does so no longer; a subtask without any is idle.
 *
 * <p>Flink forgets watermarks at a restart, so what had been late would be in time when it is read again. Here each
 * shard's event time is kept, and given out before any record: event time goes on from where it was. A subtask takes
 * over its own shards, by another parallelism those of all, for nobody knows who reads them then.
 *
 * <p>A row's first two columns are its shard and its event time in milliseconds, 0 where it has none.
 */
public class ShardEventTime extends AbstractStreamOperator<Row>
        implements OneInputStreamOperator<Row, Row>, ProcessingTimeCallback {
    private static final int SHARD = 0;
    private static final int EVENT_TIME = 1;
    private static final long TICK = 200;
    /** Ticks from the first record on in which each shard that a subtask reads brings one. */
    private static final long ACQUAINTED = 5;
    /** Shard, event time, ticks of silence, reader. */
    private static final ListStateDescriptor<Tuple4<String, Long, Long, String>> SHARDS = new ListStateDescriptor<>(
            "shards", Types.TUPLE(Types.STRING, Types.LONG, Types.LONG, Types.STRING));

    private final long delay;
    private final long idleTicks;

    private transient Map<String, Shard> shards;
    private transient ListState<Tuple4<String, Long, Long, String>> kept;
    /** The clock of silence, in ticks: it stands while the task starts or waits for Python. */
    private transient long now;
    private transient long readAt;
    /** The tick from which on event time is given out: not before the shards are known. */
    private transient long from;
    private transient long current;
    private transient boolean idle;

    private static class Shard {
        long eventTime = Long.MIN_VALUE;
        long readAt = Long.MIN_VALUE;
    }

    /** Both in milliseconds. */
    public ShardEventTime(long delay, long idleTimeout) {
        this.delay = delay;
        this.idleTicks = idleTimeout / TICK;
        chainingStrategy = ChainingStrategy.ALWAYS;
    }

    @Override
    public void initializeState(StateInitializationContext context) throws Exception {
        super.initializeState(context);
        shards = new HashMap<>();
        kept = context.getOperatorStateStore().getUnionListState(SHARDS);
        String ofAsMany = reader().substring(reader().indexOf('/'));
        for (Tuple4<String, Long, Long, String> shard : kept.get()) {
            if (shard.f3.equals(reader()) || !shard.f3.endsWith(ofAsMany)) {
                see(shard.f0, shard.f1, -shard.f2);
            }
        }
        idle = context.isRestored() && shards.isEmpty();
        from = context.isRestored() ? 0 : Long.MAX_VALUE;
    }

    @Override
    public void open() throws Exception {
        super.open();
        current = Long.MIN_VALUE;
        if (idle) {
            output.emitWatermarkStatus(WatermarkStatus.IDLE);
        }
        emit();
        awaitTick();
    }

    @Override
    public void processElement(StreamRecord<Row> element) {
        Row row = element.getValue();
        long eventTime = (Long) row.getField(EVENT_TIME);
        if (eventTime > 0) {
            see((String) row.getField(SHARD), eventTime, now);
            from = Math.min(from, now + ACQUAINTED);
            readAt = now;
            wake();
        }
        element.setTimestamp(eventTime);
        output.collect(element);
    }

    @Override
    public void onProcessingTime(long time) {
        now++;
        emit();
        if (!idle && now - readAt > idleTicks) {
            idle = true;
            output.emitWatermarkStatus(WatermarkStatus.IDLE);
        }
        awaitTick();
    }

    @Override
    public void processWatermark(Watermark mark) {
        if (mark.equals(Watermark.MAX_WATERMARK)) { // the end of all input
            wake();
            output.emitWatermark(mark);
        }
    }

    @Override
    public void processWatermarkStatus(WatermarkStatus status) {
        // What is before the decoder knows no event time.
    }

    @Override
    public void snapshotState(StateSnapshotContext context) throws Exception {
        super.snapshotState(context);
        kept.clear();
        long newest = newest();
        for (Map.Entry<String, Shard> shard : shards.entrySet()) {
            Shard seen = shard.getValue();
            kept.add(Tuple4.of(shard.getKey(), seen.eventTime, newest - seen.readAt, reader()));
        }
    }

    private void see(String id, long eventTime, long tick) {
        Shard shard = shards.computeIfAbsent(id, unseen -> new Shard());
        shard.eventTime = Math.max(shard.eventTime, eventTime);
        shard.readAt = Math.max(shard.readAt, tick);
    }

    private void wake() {
        if (idle) {
            idle = false;
            output.emitWatermarkStatus(WatermarkStatus.ACTIVE);
        }
    }

    /** Lets event time go on to the slowest shard's, of those that bring something. */
    private void emit() {
        long newest = newest();
        shards.values().removeIf(shard -> newest - shard.readAt > idleTicks);
        long slowest = shards.values().stream().mapToLong(shard -> shard.eventTime).min().orElse(Long.MIN_VALUE);
        if (!idle && now >= from && !shards.isEmpty() && slowest - delay > current) {
            current = slowest - delay;
            output.emitWatermark(new Watermark(current));
        }
    }

    private long newest() {
        return shards.values().stream().mapToLong(shard -> shard.readAt).max().orElse(0);
    }

    /** This subtask among how many, as "0/2". */
    private String reader() {
        TaskInfo task = getRuntimeContext().getTaskInfo();
        return task.getIndexOfThisSubtask() + "/" + task.getNumberOfParallelSubtasks();
    }

    private void awaitTick() {
        getProcessingTimeService().registerTimer(getProcessingTimeService().getCurrentProcessingTime() + TICK, this);
    }
}
