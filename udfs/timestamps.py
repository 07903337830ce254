"""Timestamps of payloads as epoch milliseconds, and back. A text without a zone is UTC."""

from datetime import UTC, datetime

_LAST_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z, the last that a datetime holds


def iso_text(ms: int) -> str:
    """`2020-09-16T15:59:23Z`, with milliseconds only where there are some; raises ValueError outside 1970..9999."""
    if not 0 <= ms <= _LAST_MS:
        raise ValueError(f"{ms} ms is outside the years 1970 to 9999")
    text = datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{ms % 1000:03d}Z" if ms % 1000 else f"{text}Z"


def parse_iso(text: str) -> int:
    """Epoch ms of an ISO 8601 text; raises ValueError."""
    if len(text) > 40 or not text.isascii():
        raise ValueError("no ISO 8601 timestamp")
    moment = datetime.fromisoformat(text)
    return _epoch_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _epoch_ms(moment: datetime) -> int:
    elapsed = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (elapsed.days * 86400 + elapsed.seconds) * 1000 + elapsed.microseconds // 1000
