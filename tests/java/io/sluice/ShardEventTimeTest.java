package io.sluice;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;

import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.apache.flink.streaming.util.AbstractStreamOperatorTestHarness;
import org.apache.flink.streaming.util.OneInputStreamOperatorTestHarness;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.Test;

/** Delay 5 s, idle after 10 s; times in seconds. */
class ShardEventTimeTest {
    @Test
    void theSlowestShardHoldsEventTimeBack() throws Exception {
        var subtask = subtask(0, 1, null);
        read(subtask, "A", 100);
        read(subtask, "B", 40);
        pass(subtask, 1);
        assertEquals(List.of("35"), eventTimes(subtask));
        read(subtask, "B", 90);
        pass(subtask, 1);
        assertEquals(List.of("35", "85"), eventTimes(subtask));
    }

    @Test
    void afterAStartItStandsUntilTheShardsAreKnown() throws Exception {
        var subtask = subtask(0, 1, null);
        pass(subtask, 3);
        read(subtask, "A", 100);
        subtask.setProcessingTime(subtask.getProcessingTime() + 900);
        read(subtask, "B", 40);
        pass(subtask, 1);
        assertEquals(List.of("35"), eventTimes(subtask));
    }

    @Test
    void aShardThatFallsSilentWhileOthersDoNotHoldsItBackNoLonger() throws Exception {
        var subtask = subtask(0, 1, null);
        read(subtask, "B", 40);
        for (int second = 0; second < 12; second++) {
            read(subtask, "A", 100 + second);
            pass(subtask, 1);
        }
        assertEquals(List.of("35", "106"), eventTimes(subtask));
    }

    @Test
    void aSubtaskWithoutRecordsIsIdleUntilOneComes() throws Exception {
        var subtask = subtask(0, 1, null);
        pass(subtask, 11);
        read(subtask, "A", 100);
        pass(subtask, 1);
        assertEquals(List.of("idle", "active", "95"), eventTimes(subtask));
    }

    @Test
    void recordsWithoutMessagesSayNothing() throws Exception {
        var subtask = subtask(0, 1, null);
        read(subtask, "A", 0);
        pass(subtask, 11);
        assertEquals(List.of("idle"), eventTimes(subtask));
    }

    @Test
    void afterARestoreEventTimeStandsWhereItWasBeforeAnyRecord() throws Exception {
        var before = subtask(0, 1, null);
        read(before, "A", 100);
        read(before, "B", 90);
        assertEquals(List.of("85"), eventTimes(subtask(0, 1, before.snapshot(1, 1))));
    }

    @Test
    void theSlowerShardIsWaitedForAfterARestoreHoweverLongTheStartTakes() throws Exception {
        var before = subtask(0, 1, null);
        read(before, "A", 100);
        read(before, "B", 90);
        var after = subtask(0, 1, before.snapshot(1, 1));
        after.setProcessingTime(60_000); // one tick: the task was busy starting
        read(after, "A", 200);
        pass(after, 1);
        assertEquals(List.of("85"), eventTimes(after));
    }

    @Test
    void silenceBeforeARestoreCounts() throws Exception {
        var before = subtask(0, 1, null);
        read(before, "B", 40);
        pass(before, 9);
        read(before, "A", 100);
        var after = subtask(0, 1, before.snapshot(1, 1));
        pass(after, 2);
        read(after, "A", 102);
        pass(after, 1);
        assertEquals(List.of("35", "97"), eventTimes(after));
    }

    @Test
    void aSubtaskTakesOverItsOwnShardsAndOneWithoutIsIdleAtOnce() throws Exception {
        var states = AbstractStreamOperatorTestHarness.repackageState(
                snapshotOf(0, 3, "A", 100), snapshotOf(1, 3, "B", 40), subtask(2, 3, null).snapshot(1, 1));
        assertEquals(List.of("95"), eventTimes(subtask(0, 3, distributed(states, 3, 3, 0))));
        assertEquals(List.of("35"), eventTimes(subtask(1, 3, distributed(states, 3, 3, 1))));
        assertEquals(List.of("idle"), eventTimes(subtask(2, 3, distributed(states, 3, 3, 2))));
    }

    @Test
    void byAnotherParallelismEachStartsAtTheSlowestOfAllAndLetsGoOfThoseItDoesNotRead() throws Exception {
        var states = AbstractStreamOperatorTestHarness.repackageState(
                snapshotOf(0, 2, "A", 100), snapshotOf(1, 2, "B", 40));
        for (int index = 0; index < 3; index++) {
            assertEquals(List.of("35"), eventTimes(subtask(index, 3, distributed(states, 2, 3, index))));
        }
        var reader = subtask(0, 3, distributed(states, 2, 3, 0));
        for (int second = 0; second < 12; second++) {
            read(reader, "A", 101);
            pass(reader, 1);
        }
        assertEquals(List.of("35", "96"), eventTimes(reader));
        var states2 = reader.snapshot(2, 2).getManagedOperatorState().iterator().next();
        assertEquals(1, states2.getStateNameToPartitionOffsets().get("shards").getOffsets().length);
    }

    private OperatorSubtaskState snapshotOf(int index, int parallelism, String shard, long eventTime) throws Exception {
        var subtask = subtask(index, parallelism, null);
        read(subtask, shard, eventTime);
        return subtask.snapshot(1, 1);
    }

    private static OperatorSubtaskState distributed(OperatorSubtaskState states, int before, int after, int index) {
        return AbstractStreamOperatorTestHarness.repartitionOperatorState(states, 8, before, after, index);
    }

    private OneInputStreamOperatorTestHarness<Row, Row> subtask(int index, int parallelism, OperatorSubtaskState state)
            throws Exception {
        var harness = new OneInputStreamOperatorTestHarness<>(new ShardEventTime(5000, 10_000), 8, parallelism, index);
        harness.setup();
        harness.initializeState(state);
        harness.open();
        return harness;
    }

    private static void read(OneInputStreamOperatorTestHarness<Row, Row> subtask, String shard, long eventTime)
            throws Exception {
        subtask.processElement(Row.of(shard, eventTime * 1000), 0);
    }

    private static void pass(OneInputStreamOperatorTestHarness<Row, Row> subtask, int seconds) throws Exception {
        for (int tick = 0; tick < seconds * 5; tick++) {
            subtask.setProcessingTime(subtask.getProcessingTime() + 200);
        }
    }

    /** What the subtask has said of event time: seconds, "idle", "active". */
    private static List<String> eventTimes(OneInputStreamOperatorTestHarness<Row, Row> subtask) {
        List<String> said = new ArrayList<>();
        for (Object each : subtask.getOutput()) {
            if (each instanceof Watermark) {
                said.add(String.valueOf(((Watermark) each).getTimestamp() / 1000));
            } else if (each instanceof WatermarkStatus) {
                said.add(((WatermarkStatus) each).isIdle() ? "idle" : "active");
            }
        }
        return said;
    }
}
