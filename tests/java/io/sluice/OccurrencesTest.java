package io.sluice;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.operators.KeyedProcessOperator;
import org.apache.flink.streaming.util.KeyedOneInputStreamOperatorTestHarness;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;
import org.apache.flink.types.RowUtils;
import org.junit.jupiter.api.Test;

/** Ids are remembered for 100 ms. */
class OccurrencesTest {
    private static final String DEVICE = "tracker-1";

    @Test
    void theFirstOfAnIdIsTheMessageAndMoreAreDuplicates() throws Exception {
        var counting = counting();
        assertEquals(1, occurrence(counting, "a", 0));
        assertEquals(1, occurrence(counting, "b", 10));
        assertEquals(2, occurrence(counting, "a", 20));
        assertEquals(3, occurrence(counting, "a", 30));
    }

    @Test
    void anIdIsRememberedForSoLongAfterItCameLast() throws Exception {
        var counting = counting();
        occurrence(counting, "a", 0);
        assertEquals(2, occurrence(counting, "a", 90));
        assertEquals(3, occurrence(counting, "a", 190));
        assertEquals(1, occurrence(counting, "a", 291));
    }

    @Test
    void whatIsForgottenLeavesTheStateAndSoDoesTheDevice() throws Exception {
        var counting = counting();
        for (int number = 0; number < 50; number++) {
            occurrence(counting, "id-" + number, number);
        }
        assertEquals(1, counting.numKeyedStateEntries());
        counting.setProcessingTime(400);
        assertEquals(0, counting.numKeyedStateEntries());
        assertEquals(0, counting.numProcessingTimeTimers());
    }

    @Test
    void theMessagesOfADeviceStayInTheirOrder() throws Exception {
        var counting = counting();
        for (String id : List.of("cut", "restored", "cut", "moving")) {
            counting.processElement(message(id), 7);
        }
        assertEquals(
                List.of("cut 1", "restored 1", "cut 2", "moving 1"),
                counting.extractOutputValues().stream()
                        .map(row -> row.getField(1) + " " + row.getField(2))
                        .collect(Collectors.toList()));
    }

    private static KeyedOneInputStreamOperatorTestHarness<String, Row, Row> counting() throws Exception {
        var operator = new KeyedProcessOperator<>(new Occurrences(100));
        var harness = new KeyedOneInputStreamOperatorTestHarness<String, Row, Row>(
                operator, message -> message.getFieldAs("device_id"), Types.STRING);
        harness.open();
        return harness;
    }

    private static Row message(String id) {
        // As Flink's tables give it: by place and by name.
        var places = new LinkedHashMap<>(Map.of("device_id", 0, "message_id", 1, "occurrence", 2));
        return RowUtils.createRowWithNamedPositions(RowKind.INSERT, new Object[] {DEVICE, id, null}, places);
    }

    private static long occurrence(KeyedOneInputStreamOperatorTestHarness<String, Row, Row> counting, String id, long at)
            throws Exception {
        counting.setProcessingTime(at);
        counting.processElement(message(id), at);
        List<Row> all = counting.extractOutputValues();
        return all.get(all.size() - 1).getFieldAs(2);
    }
}
