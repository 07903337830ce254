package io.sluice;

import java.util.HashMap;
import java.util.Map;

import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.annotation.FunctionHint;
import org.apache.flink.table.api.dataview.MapView;
import org.apache.flink.table.functions.AggregateFunction;

/**
 * QUANTILE_SKETCH(value) or QUANTILE_SKETCH(sketch): how many values lie in each bucket, as a map of bucket → count.
 *
 * <p>The buckets are those of DDSketch (Masson, Rim, Lee: DDSketch, VLDB 2019) with 1 % relative error. Sketches merge,
 * and values leave again, by adding and subtracting counts, so corrections of late data are exact.
 */
@FunctionHint(output = @DataTypeHint("MAP<STRING, BIGINT>"))
public class QuantileSketch extends AggregateFunction<Map<String, Long>, QuantileSketch.Counts> {
    static final double GAMMA = 1.02;
    /** Bucket of the smallest value that is told apart from zero, 1e-9. */
    static final int OFFSET = 1100;

    /** The counts of a group. */
    public static class Counts {
        public MapView<Integer, Long> buckets = new MapView<>();
    }

    static int bucket(double value) {
        double size = Math.abs(value);
        if (size < 1e-9) {
            return 0;
        }
        int bucket = (int) Math.ceil(Math.log(size) / Math.log(GAMMA)) + OFFSET;
        return value < 0 ? -bucket : bucket;
    }

    @Override
    public Counts createAccumulator() {
        return new Counts();
    }

    public void accumulate(Counts counts, Double value) throws Exception {
        if (value != null) {
            add(counts, bucket(value), 1);
        }
    }

    public void accumulate(Counts counts, @DataTypeHint("MAP<STRING, BIGINT>") Map<String, Long> sketch) throws Exception {
        addAll(counts, sketch, 1);
    }

    public void retract(Counts counts, Double value) throws Exception {
        if (value != null) {
            add(counts, bucket(value), -1);
        }
    }

    public void retract(Counts counts, @DataTypeHint("MAP<STRING, BIGINT>") Map<String, Long> sketch) throws Exception {
        addAll(counts, sketch, -1);
    }

    public void merge(Counts counts, Iterable<Counts> others) throws Exception {
        for (Counts other : others) {
            for (Map.Entry<Integer, Long> bucket : other.buckets.entries()) {
                add(counts, bucket.getKey(), bucket.getValue());
            }
        }
    }

    @Override
    public Map<String, Long> getValue(Counts counts) {
        Map<String, Long> sketch = new HashMap<>();
        try {
            for (Map.Entry<Integer, Long> bucket : counts.buckets.entries()) {
                sketch.put(bucket.getKey().toString(), bucket.getValue());
            }
        } catch (Exception error) {
            throw new IllegalStateException("a sketch's buckets cannot be read", error);
        }
        return sketch;
    }

    private static void addAll(Counts counts, Map<String, Long> sketch, int sign) throws Exception {
        if (sketch != null) {
            for (Map.Entry<String, Long> bucket : sketch.entrySet()) {
                add(counts, Integer.parseInt(bucket.getKey()), sign * bucket.getValue());
            }
        }
    }

    private static void add(Counts counts, int bucket, long change) throws Exception {
        Long known = counts.buckets.get(bucket);
        long count = (known == null ? 0 : known) + change;
        if (count == 0) {
            counts.buckets.remove(bucket);
        } else {
            counts.buckets.put(bucket, count);
        }
    }
}
