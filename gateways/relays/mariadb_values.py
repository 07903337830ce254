"""Values of MariaDB → texts as DMS writes them; a row of a SELECT and the same row of the binlog give the same texts.

Numbers and decimals as digits, times in ISO 8601 (a DATETIME has no zone, and DMS writes Z), binary values as 0x and
hex digits, enumerations by their labels. Dates with a zero in them are no dates: null, as DMS has them.
"""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from pymysql.constants import FIELD_TYPE
from pymysql.converters import conversions
from pymysqlreplication.column import Column
from pymysqlreplication.constants import FIELD_TYPE as LOGGED_TYPE
from pymysqlreplication.constants import NONE_SOURCE

from gateways.relays.dms import Row

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # as the binlog's reader gives it
_YEAR_ZERO: Final = 1900
_WRAP: Final = timedelta(seconds=1 << 32)
_SECOND: Final = timedelta(seconds=1)


def text(value: Any) -> str | None:
    """The text of a value, by the type that Python has it in."""
    if value is None or isinstance(value, str):
        return value
    for kind, write in _WRITERS.items():
        if isinstance(value, kind):
            return write(value)
    raise TypeError(f"no text for a {type(value).__name__}")


def single(value: float) -> float:
    """The number with the fewest digits that FLOAT stores as this: 1.1 for 1.100000023841858."""
    for digits in range(6, 9):
        shorter = float(f"{value:.{digits}g}")
        if math.isfinite(shorter) and _stored(shorter) == value:
            return shorter
    return float(f"{value:.9g}")


def logged_texts(columns: Sequence[Column], values: Mapping[str, Any], absent: Mapping[str, str]) -> Row:
    """A row of the binlog; `absent` says why a value is None, as the binlog's reader tells it."""
    return {column.name: text(_logged(column, values[column.name], absent.get(column.name))) for column in columns}


def loaded_texts(types: Mapping[str, str], values: Sequence[Any]) -> Row:
    """A row of a `selection` by a connection with `LOADED`; `types` are the columns and their types."""
    return {
        name: text(single(value) if _is_single(kind) and value is not None else value)
        for (name, kind), value in zip(types.items(), values, strict=True)
    }


def selection(schema: str, table: str, types: Mapping[str, str]) -> str:
    """The query for a table's rows: a FLOAT with all of its digits, where the server would write six."""
    quoted = {name: "`" + name.replace("`", "``") + "`" for name in types}
    columns = (f"CAST({quoted[name]} AS DOUBLE)" if _is_single(kind) else quoted[name] for name, kind in types.items())
    return f"SELECT {', '.join(columns)} FROM `{schema}`.`{table}`"  # noqa: S608  # names of the catalog


def _is_single(kind: str) -> bool:
    return kind.startswith("float")


def _logged(column: Column, value: Any, absent: str | None) -> Any:
    if value is None:
        return "" if absent == NONE_SOURCE.EMPTY_SET else None
    reader = _LOGGED.get(column.type)
    return value if reader is None else reader(column, value)


def _bytes(column: Column, value: Any) -> Any:
    """The reader gives no bytes as a text."""
    return b"" if value == "" and column.character_set_name == "binary" else value


def _padded(column: Column, value: Any) -> Any:
    """A BINARY(4) is logged without the zeros at its end."""
    value = _bytes(column, value)
    return value.ljust(column.max_length, b"\0") if isinstance(value, bytes) else value


def _time(_: Column, value: timedelta) -> timedelta:
    """The reader takes the fraction of a negative time from the next second: -00:00:01.75 for -00:00:01.25."""
    rest = -value % _SECOND
    return value if value >= timedelta(0) or not rest else value + 2 * rest - _SECOND


def _timestamp(_: Column, value: datetime) -> datetime | None:
    """The reader takes seconds behind 2038 for negative ones; and second 0 is the date of zeros."""
    return None if value == _EPOCH else value + _WRAP if value < _EPOCH else value


_LOGGED: Final[Mapping[int, Callable[[Column, Any], Any]]] = {
    LOGGED_TYPE.FLOAT: lambda _, value: single(value),
    LOGGED_TYPE.STRING: _padded,
    LOGGED_TYPE.VARCHAR: _bytes,
    LOGGED_TYPE.BLOB: _bytes,
    LOGGED_TYPE.TIME2: _time,
    LOGGED_TYPE.SET: lambda column, value: ",".join(label for label in column.set_values if label in value),
    LOGGED_TYPE.BIT: lambda _, value: int(value, 2),
    LOGGED_TYPE.YEAR: lambda _, value: 0 if value == _YEAR_ZERO else value,
    LOGGED_TYPE.TIMESTAMP: _timestamp,
    LOGGED_TYPE.TIMESTAMP2: _timestamp,
}


def _or_null(kind: int) -> Callable[[str], Any]:
    read = conversions[kind]

    def found(raw: str) -> Any:
        value = read(raw)
        return None if isinstance(value, str) else value  # a text is what is no date

    return found


LOADED: Final[Mapping[Any, Any]] = {
    **conversions,
    FIELD_TYPE.BIT: lambda raw: int.from_bytes(raw, "big"),
    **{kind: _or_null(kind) for kind in (FIELD_TYPE.DATE, FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP)},
}
"""For `conv` of a pymysql connection."""


def _stored(value: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.inf


def _duration(value: timedelta) -> str:
    sign, size = ("-", -value) if value < timedelta(0) else ("", value)
    seconds, rest = divmod(size, _SECOND)
    fraction = f".{rest.microseconds:06d}" if rest else ""
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"


_WRITERS: Final[Mapping[type, Callable[[Any], str]]] = {
    int: str,
    float: repr,
    Decimal: lambda value: format(value, "f"),
    bytes: lambda value: "0x" + value.hex(),
    datetime: lambda value: value.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z"),
    date: date.isoformat,
    timedelta: _duration,
}
