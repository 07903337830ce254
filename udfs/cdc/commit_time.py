"""The time of a commit, as formats write it, in epoch ms: anything outside 1970..2100 is a broken clock or record."""

from datetime import UTC, datetime
from typing import Any, Final

from udfs.cdc.change import CdcError

_LAST_MS: Final = 4_102_444_800_000  # the year 2100


def commit_time(value: Any, field: str) -> int:
    """Epoch ms of a text in ISO 8601 or of a number of ms; raises CdcError."""
    try:
        milliseconds = value if isinstance(value, int) else _iso(str(value))
    except (ValueError, OverflowError) as error:
        raise CdcError("bad_cdc", f"no usable position: {error}", field=field) from error
    if isinstance(milliseconds, bool) or not 0 <= milliseconds < _LAST_MS:
        raise CdcError("bad_cdc", f"commit time {value} is outside 1970..2100", field=field)
    return milliseconds


def _iso(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
