"""Embedded Metric Format: what is written, and the rules of its specification."""

import asyncio
import io
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge

from gateways.emf import EmbeddedMetrics
from gateways.metrics import Metrics

NOW = 1_767_600_000_000


class Log:
    """What a registry wrote, document by document."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._output = io.StringIO()
        self.embedded = EmbeddedMetrics(registry, self._output)

    def write(self) -> list[dict[str, Any]]:
        self.embedded.write(NOW)
        return self.written()

    def written(self) -> list[dict[str, Any]]:
        lines = self._output.getvalue().split("\n")[:-1]
        self._output.seek(0)
        self._output.truncate()
        return [msgspec.json.decode(line) for line in lines]


def metric(documents: list[dict[str, Any]], name: str, **dimensions: str) -> float:
    [value] = [
        document[name]
        for document in documents
        if name in document and all(document.get(key) == text for key, text in dimensions.items())
    ]
    return float(value)


def assert_follows_the_specification(document: dict[str, Any]) -> None:
    """The MUSTs of the specification, member by member."""
    assert isinstance(document["_aws"]["Timestamp"], int)
    for directive in document["_aws"]["CloudWatchMetrics"]:
        assert directive.keys() == {"Namespace", "Dimensions", "Metrics"}
        assert 1 <= len(directive["Namespace"]) <= 1024
        assert len(directive["Metrics"]) <= 100
        assert directive["Dimensions"]
        for dimension_set in directive["Dimensions"]:
            assert len(dimension_set) <= 30
            assert all(isinstance(document[name], str) and len(document[name]) <= 1024 for name in dimension_set)
        for definition in directive["Metrics"]:
            assert definition.keys() <= {"Name", "Unit", "StorageResolution"}
            assert definition["Unit"] in {"Count", "Bytes", "Seconds"}
            assert isinstance(document[definition["Name"]], int | float)
    assert len(msgspec.json.encode(document)) < 256 << 10


def test_a_document_names_its_metrics_with_units_under_their_dimensions() -> None:
    metrics = Metrics()
    log = Log(metrics.registry)
    metrics.received.labels("mqtt").inc(3)
    metrics.received_bytes.labels("mqtt").inc(24)
    [document] = [each for each in log.write() if each.get("protocol") == "mqtt"]
    assert document == {
        "_aws": {
            "Timestamp": NOW,
            "CloudWatchMetrics": [
                {
                    "Namespace": "sluice/gateway",
                    "Dimensions": [["protocol"]],
                    "Metrics": [{"Name": "received", "Unit": "Count"}, {"Name": "received_bytes", "Unit": "Bytes"}],
                }
            ],
        },
        "protocol": "mqtt",
        "received": 3,
        "received_bytes": 24,
    }


def test_counters_and_histograms_are_differences_and_gauges_stand() -> None:
    metrics = Metrics()
    log = Log(metrics.registry)
    metrics.refused.labels("mqtt", "too_large").inc(2)
    metrics.connections.labels("mqtt").inc()
    metrics.put_seconds.observe(0.5)
    first = log.write()
    metrics.refused.labels("mqtt", "too_large").inc(5)
    metrics.put_seconds.observe(0.25)
    second, third = log.write(), log.write()
    refused = {"protocol": "mqtt", "reason": "too_large"}
    assert [metric(each, "refused", **refused) for each in (first, second, third)] == [2, 5, 0]
    assert [metric(each, "connections", protocol="mqtt") for each in (first, second, third)] == [1, 1, 1]
    assert [metric(each, "kinesis_put_seconds_sum") for each in (first, second, third)] == [0.5, 0.25, 0]
    assert [metric(each, "kinesis_put_seconds_count") for each in (first, second, third)] == [1, 1, 0]


def test_the_last_difference_is_written_when_the_gateway_ends() -> None:
    async def serve(metrics: Metrics, log: Log) -> None:
        running = asyncio.create_task(log.embedded.run(3600))
        await asyncio.sleep(0)
        metrics.records.inc(7)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    metrics = Metrics()
    log = Log(metrics.registry)
    asyncio.run(serve(metrics, log))
    assert metric(log.written(), "kinesis_records") == 7


def test_more_than_a_hundred_metrics_take_several_documents() -> None:
    registry = CollectorRegistry()
    for number in range(250):
        Gauge(f"sluice_gateway_g{number}", "one of many", registry=registry).set(number)
    documents = Log(registry).write()
    assert [len(document["_aws"]["CloudWatchMetrics"][0]["Metrics"]) for document in documents] == [100, 100, 50]
    assert {name: value for document in documents for name, value in document.items() if name != "_aws"} == {
        f"g{number}": number for number in range(250)
    }


def test_what_is_no_number_is_left_out() -> None:
    registry = CollectorRegistry()
    Gauge("sluice_gateway_nothing", "not a number", registry=registry).set(float("nan"))
    assert Log(registry).write() == []


@given(st.dictionaries(st.text(max_size=2000), st.floats(0, 1e300), max_size=20), st.integers(1, 40))
def test_whatever_is_counted_the_documents_follow_the_specification(counts: dict[str, float], labels: int) -> None:
    registry = CollectorRegistry()
    names = [f"label_{number}" for number in range(labels)]
    counter = Counter("sluice_gateway_things", "any", names, registry=registry)
    for text, count in counts.items():
        counter.labels(*[text] * labels).inc(count)
    for document in Log(registry).write():
        assert_follows_the_specification(document)
