"""The end of a day: what is computed once the day's aggregates are complete.

`handler` is the AWS Lambda function that an EventBridge schedule calls; locally the same function is called. A schedule
some hours after midnight leaves late messages time; a day that changes later is evaluated again by its date.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from control import formulas
from jobs.config import load_config, properties_file
from udfs.catalog import compile_catalog, read_specs
from udfs.errors import SluiceError

_SPECS: Final = Path(__file__).resolve().parent.parent / "specs"

_log = logging.getLogger(__name__)


class EndOfDayError(SluiceError):
    """An event that names no day; `event` is what came."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        self.event = event
        super().__init__(
            'the event names no day: expected {"day": "2026-11-23"}, or a scheduled event with its `time`, '
            f"got {str(event)[:200]}"
        )


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Evaluates the formulas of the event's day: {"day": …, "results": …, "without_value": …}.

    Raises EndOfDayError, and ConfigErrors, SpecErrors or psycopg.Error, upon which the caller tries again.
    """
    day = day_of(event)
    results = formulas.run(load_config(properties_file()).aurora, compile_catalog(read_specs(_SPECS)), day)
    without = [result for result in results if result.reason is not None]
    for result in without:
        whose = " ".join(filter(None, (result.customer_id, result.product, result.device_id)))
        _log.warning("%s of %s, %s: %s", result.name, whose, day, result.reason)
    return {"day": day.isoformat(), "results": len(results), "without_value": len(without)}


def day_of(event: Mapping[str, Any]) -> date:
    """The `day` that an event states, else the day before its `time`, in UTC; raises EndOfDayError."""
    try:
        if "day" in event:
            return date.fromisoformat(event["day"])
        moment = datetime.fromisoformat(event["time"])
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return moment.date() - timedelta(days=1)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise EndOfDayError(event) from None
