"""MongoDB's extended JSON, relaxed or canonical → plain values, and documents → flat rows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from udfs.cdc.change import CdcError, Row

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_DEPTH: Final = 20


def plain_row(document: dict[str, Any]) -> Row:
    """A document as a flat row: `{"address": {"city": "Ulm"}}` has the column `address.city`; lists stay lists."""
    return dict(_flat(document, "", _MAX_DEPTH))


def _flat(document: dict[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    if not depth:
        raise CdcError("bad_cdc", f"documents stand deeper than {_MAX_DEPTH} in one another", field=prefix.rstrip("."))
    for name, value in document.items():
        value = plain(value, f"{prefix}{name}")
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.", depth - 1)
        else:
            yield f"{prefix}{name}", value


def plain(value: Any, field: str) -> Any:
    """`{"$oid": x}` → x, dates → ISO 8601, numbers → numbers; other objects stay as they are. Raises CdcError."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    [(kind, inner)] = value.items()
    try:
        if kind == "$date":
            return _date(inner)
        if kind in ("$numberInt", "$numberLong"):
            return int(inner)
        if kind == "$numberDouble":
            return float(inner)
    except (ValueError, TypeError, OverflowError) as error:
        raise CdcError("bad_cdc", f"expected a value of {kind}, got {inner!r:.60}", field=field) from error
    return str(inner) if kind in ("$oid", "$numberDecimal", "$uuid", "$symbol") else value


def _date(inner: Any) -> str:
    if isinstance(inner, str):
        return datetime.fromisoformat(inner).isoformat()
    milliseconds = int(inner["$numberLong"]) if isinstance(inner, dict) and "$numberLong" in inner else int(inner)
    return (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat()
