"""What a gateway counts, in Prometheus' words. One set a process, handed to each part that counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """Counters of all sources and of the producer; `registry` is what is scraped."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.received = Counter(
            "sluice_gateway_received", "Payloads taken from senders", ["protocol"], registry=registry
        )
        self.received_bytes = Counter(
            "sluice_gateway_received_bytes", "Bytes of the payloads taken", ["protocol"], registry=registry
        )
        self.refused = Counter(
            "sluice_gateway_refused", "Payloads not taken", ["protocol", "reason"], registry=registry
        )
        self.acknowledged = Counter(
            "sluice_gateway_acknowledged", "Payloads acknowledged to senders", ["protocol"], registry=registry
        )
        self.unknown_devices = Counter(
            "sluice_gateway_unknown_devices",
            "Payloads of devices that nobody registered",
            ["protocol"],
            registry=registry,
        )
        self.connections = Gauge("sluice_gateway_connections", "Open connections", ["protocol"], registry=registry)
        self.closed = Counter(
            "sluice_gateway_connections_closed",
            "Connections that the gateway closed",
            ["protocol", "reason"],
            registry=registry,
        )
        self.records = Counter("sluice_gateway_kinesis_records", "Records that Kinesis has taken", registry=registry)
        self.refusals = Counter(
            "sluice_gateway_kinesis_refusals", "Records and calls that Kinesis refused", ["error"], registry=registry
        )
        self.put_seconds = Histogram("sluice_gateway_kinesis_put_seconds", "Time of a PutRecords", registry=registry)
        self.pending_bytes = Gauge("sluice_gateway_pending_bytes", "Bytes that wait in memory", registry=registry)
        self.spool_bytes = Gauge("sluice_gateway_spool_bytes", "Bytes that wait on disk", registry=registry)
