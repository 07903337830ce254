"""The gateway's metrics as CloudWatch takes them from a log: a JSON document a line in Embedded Metric Format.

Counters and histograms are written as what has come since the document before, gauges as they stand.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple, TextIO

import msgspec
from prometheus_client import CollectorRegistry

NAMESPACE: Final = "sluice/gateway"
MAX_METRICS: Final = 100
"""Metrics of a directive; a document here has one."""
MAX_DIMENSIONS: Final = 30
MAX_DIMENSION_LENGTH: Final = 1024

_PREFIX: Final = "sluice_gateway_"
_UNITS: Final = {"bytes": "Bytes", "seconds": "Seconds"}

Dimensions = tuple[tuple[str, str], ...]


class _Value(NamedTuple):
    name: str
    unit: str
    value: float


class EmbeddedMetrics:
    """Writes what `registry` holds to `output`."""

    def __init__(self, registry: CollectorRegistry, output: TextIO) -> None:
        self._registry, self._output = registry, output
        self._before: dict[tuple[str, Dimensions], float] = {}

    async def run(self, every_seconds: float) -> None:
        """Until it is cancelled, and once more then, so no difference is lost."""
        try:
            while True:
                await asyncio.sleep(every_seconds)
                self.write(time.time_ns() // 1_000_000)
        finally:
            self.write(time.time_ns() // 1_000_000)

    def write(self, now: int) -> None:
        """A document for each set of dimensions, as of `now` in epoch milliseconds."""
        for dimensions, values in self._values().items():
            remaining = iter(values)
            while some := list(islice(remaining, MAX_METRICS)):
                self._output.write(msgspec.json.encode(_document(now, dimensions, some)).decode() + "\n")
        self._output.flush()

    def _values(self) -> dict[Dimensions, list[_Value]]:
        found: dict[Dimensions, list[_Value]] = defaultdict(list)
        for family in self._registry.collect():
            for sample in family.samples:
                dimensions = tuple((name, value[:MAX_DIMENSION_LENGTH]) for name, value in sample.labels.items())
                for name, value in self._measured(family.type, sample.name, dimensions, sample.value):
                    found[dimensions[:MAX_DIMENSIONS]].append(_Value(name, _unit(name), value))
        return found

    def _measured(self, kind: str, sample: str, dimensions: Dimensions, value: float) -> Iterator[tuple[str, float]]:
        """The metric that a sample makes, if any: neither the bounds of histograms nor times of creation do."""
        name = sample.removeprefix(_PREFIX)
        if not math.isfinite(value) or name.endswith(("_created", "_bucket")):
            return
        if kind == "gauge":
            yield name, value
            return
        before = self._before.get((sample, dimensions), 0.0)
        self._before[sample, dimensions] = value
        yield name.removesuffix("_total"), value - before


def _document(now: int, dimensions: Dimensions, values: list[_Value]) -> dict[str, object]:
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [[name for name, _ in dimensions]],
        "Metrics": [{"Name": each.name, "Unit": each.unit} for each in values],
    }
    aws = {"Timestamp": now, "CloudWatchMetrics": [directive]}
    return {"_aws": aws, **dict(dimensions), **{each.name: each.value for each in values}}


def _unit(name: str) -> str:
    """By the last word of Prometheus' names, before what a histogram adds to them."""
    return _UNITS.get(name.removesuffix("_sum").rpartition("_")[2], "Count")
