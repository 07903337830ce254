"""A customer's day from those of the devices, as the job's SQL makes it."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from jobs.aggregate_rebuild import Row, customer_days


def device_day(device_id: str, value: float, total: Decimal | None, at: int) -> Row:
    return {
        "day": date(2026, 11, 23),
        "device_id": device_id,
        "customer_id": "C1",
        "product": "frost-guard",
        "measurement": "temperature",
        "num_values": 1,
        "min_value": value,
        "max_value": value,
        "sum_value": total,
        "last_value": value,
        "last_at": datetime(2026, 11, 23, at),  # noqa: DTZ001 - as DuckDB gives it
        "last_mark": f"2026-11-23 {at:02}:00:00.000|m",
    }


def test_devices_add_up_and_the_newest_value_is_the_last() -> None:
    [day] = customer_days([device_day("d1", 0.1, Decimal("0.1"), at=9), device_day("d2", 0.2, Decimal("0.2"), at=8)])
    assert (day["num_devices"], day["num_values"], day["sum_value"]) == (2, 2, Decimal("0.3"))
    assert (day["min_value"], day["max_value"], day["mean_value"], day["last_value"]) == (0.1, 0.2, 0.15, 0.1)


@pytest.mark.parametrize(("totals", "expected"), [((None, None), None), ((None, Decimal(2)), Decimal(2))])
def test_sums_that_no_decimal_holds_are_left_out(totals: tuple[Decimal | None, ...], expected: Decimal | None) -> None:
    rows = [device_day(f"d{n}", 1e30, total, at=n) for n, total in enumerate(totals)]
    assert customer_days(rows)[0]["sum_value"] == expected
