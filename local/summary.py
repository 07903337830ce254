"""The live summary line of a run: what came in, what became of it, how long it took, what the stores hold."""

from local.job import Job
from local.latency import LatencyProbe
from local.ledger import Ledger
from local.stores import Stores

OPERATOR = "ingest__decode__enrich"
"""Flink's metric scope of jobs.decode.OPERATOR: what is no letter becomes `_`."""


def summary_line(elapsed: float, ledger: Ledger, job: Job, stores: Stores, latency: LatencyProbe) -> str:
    counters = job.counters(OPERATOR, "received", "decoded", "dead", "enriched")
    rate = ledger.received / elapsed if elapsed else 0.0
    parts = [
        f"{elapsed:4.0f} s",
        f"sent {ledger.envelopes:,} ({rate:,.0f} msg/s)",
        *(f"{name} {count:,}" for name, count in counters.items()),
        f"alarms {stores.num_alarms():,}",
        f"latency p50 {_seconds(latency.percentile(50))} p99 {_seconds(latency.percentile(99))}",
        f"hot {stores.num_documents('messages'):,}",
        f"lake {stores.num_rows('messages'):,}",
        f"dead letters {stores.num_open():,}",
        f"duplicates {stores.num_rows('duplicates'):,}",
    ]
    restarts = job.num_restarts()
    return " · ".join([*parts, f"RESTARTS {restarts}"] if restarts else parts)


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"
