package io.sluice;

import java.util.Map;
import java.util.TreeMap;

import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.functions.ScalarFunction;

/** SKETCH_QUANTILE(sketch, q): the value below which the share q of a sketch's values lies, within 1 %. */
public class SketchQuantile extends ScalarFunction {
    public Double eval(@DataTypeHint("MAP<STRING, BIGINT>") Map<String, Long> sketch, Double q) {
        if (sketch == null || q == null) {
            return null;
        }
        TreeMap<Integer, Long> counts = new TreeMap<>();
        long total = 0;
        for (Map.Entry<String, Long> bucket : sketch.entrySet()) {
            counts.put(Integer.valueOf(bucket.getKey()), bucket.getValue());
            total += bucket.getValue();
        }
        long rank = (long) Math.floor(q * Math.max(total - 1, 0));
        long seen = 0;
        for (Map.Entry<Integer, Long> bucket : counts.entrySet()) {
            seen += bucket.getValue();
            if (seen > rank) {
                return middle(bucket.getKey());
            }
        }
        return null;
    }

    private static double middle(int bucket) {
        if (bucket == 0) {
            return 0.0;
        }
        double upper = Math.pow(QuantileSketch.GAMMA, Math.abs(bucket) - QuantileSketch.OFFSET);
        return Math.signum(bucket) * 2 * upper / (QuantileSketch.GAMMA + 1);
    }
}
