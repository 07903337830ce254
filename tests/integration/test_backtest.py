"""Backtest: a rule over past messages at several limits, judged as the job judges."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.backtest import backtest
from jobs.rule_cases import CaseMessage
from jobs.rules import read_rules
from jobs.tuning import Span
from udfs.catalog import compile_catalog, read_specs

ROOT = Path(__file__).parents[2]
ZERO = 1_767_571_200_000
RULE = "coldroom-logger/too_warm"


@pytest.fixture(autouse=True)
def _environment_stays() -> Iterator[None]:
    """Flink's workers run in this process here, and forbid Flink to whatever it starts from then on."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def reading(second: int, temperature: float, device: str = "room") -> CaseMessage:
    at = ZERO + second * 1000
    columns = {"measurements": {"temperature": float(temperature)}, "attributes": {}, "quality": [], "limits": {}}
    ids = {"product": "coldroom-logger", "device_id": device, "customer_id": None, "site_id": "S1", "firmware": None}
    return CaseMessage(f"{device}:{at}", "telemetry", event_time=at, received_at=at, spec_version=1, **ids, **columns)


def test_a_rule_is_replayed_at_several_limits_at_once() -> None:
    (rule,) = [rule for rule in read_rules(ROOT / "sql" / "rules") if rule.name == RULE]
    messages = [reading(second, value) for second, value in ((0, 4), (10, 9), (20, 12), (30, 9), (40, 4), (600, 4))]
    replayed = backtest(
        rule, "temperature_max", [20.0, 11.0, 8.0], messages, compile_catalog(read_specs(ROOT / "specs"))
    )
    at = {second: ZERO + second * 1000 for second in (10, 20, 40, 50)}
    assert replayed == {20: [], 11: [Span("room", at[20], at[40])], 8: [Span("room", at[10], at[50])]}
