package org.apache.flink.runtime.util;

import org.apache.hadoop.conf.Configuration;

/**
 * Stands in for Flink's class of the same name in the uber-jar, where both it and Hadoop's configuration are relocated:
 * Iceberg's Flink catalog asks it for a Hadoop configuration, and neither Managed Flink nor the local cluster has Hadoop
 * on its class path. S3FileIO and the Glue catalog read nothing from it.
 */
public final class HadoopUtils {
  private HadoopUtils() {}

  public static Configuration getHadoopConfiguration(org.apache.flink.configuration.Configuration flinkConfiguration) {
    return new Configuration(false);
  }
}
