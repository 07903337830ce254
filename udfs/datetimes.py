"""Timestamps written as digits in local time, such as `YYMMDDhhmmss`, as epoch milliseconds, and back.

YYYY, YY (2000 to 2099), MM, DD, hh, mm, ss and SSS (milliseconds) are numbers of that many digits, `z` a word for the
zone; any other character that is no letter stands for itself. Parts not in the format are 0.
In the hour that a clock change repeats, the first of the two times is meant; in the one it leaves out, none.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from udfs.document import suggest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_LAST_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
_OFFSET = re.compile(r"([+-])([01][0-9]|2[0-3]):([0-5][0-9])\Z")
_PART = re.compile(r"YYYY|YY|MM|DD|hh|mm|ss|SSS|z|[^A-Za-z]")
_PARTS = ("MM", "DD", "hh", "mm", "ss", "SSS", "z")
_NUMBERS = {"": 0} | {f"{number:02d}": number for number in range(100)}
_WRITTEN = {
    "YYYY": "{t.year:04d}",
    "YY": "{short_year:02d}",
    "MM": "{t.month:02d}",
    "DD": "{t.day:02d}",
    "hh": "{t.hour:02d}",
    "mm": "{t.minute:02d}",
    "ss": "{t.second:02d}",
    "SSS": "{ms:03d}",
    "z": "{word}",
}


@dataclass(frozen=True)
class DateTimeFormat:
    """A compiled format: `length` in characters; `pairs` where it is of two-digit numbers only, as BCD needs it."""

    format: str
    length: int
    pairs: bool
    _pattern: re.Pattern[str]
    _groups: tuple[int, ...]  # those of year, month, day, hour, minute, second, millisecond, zone word
    _century: int
    _written: str
    _zone: ZoneInfo | None
    _offsets: Mapping[str, int]  # seconds east of UTC by zone word, by "" where the format has none

    def parse(self, text: str) -> int:
        """Epoch ms; raises ValueError."""
        match = self._pattern.match(text)
        if match is None:
            raise ValueError(f"{text[:40]!r} is not written {self.format}")
        year, month, day, hour, minute, second, ms, word = match.group(*self._groups)
        hours, minutes, seconds = _NUMBERS[hour], _NUMBERS[minute], _NUMBERS[second]
        local = datetime(  # noqa: DTZ001 - checks calendar and clock; a naive one costs half of an aware one
            self._century + int(year), _NUMBERS[month], _NUMBERS[day], hours, minutes, seconds
        )
        since = (local.toordinal() - _EPOCH_DAY) * 86400 + hours * 3600 + minutes * 60 + seconds
        since -= self._offsets[word] if self._zone is None else _offset_in(self._zone, local)
        return _in_calendar(since * 1000 + int(ms or 0))

    def text(self, ms: int) -> str:
        """Epoch ms as written, cut to what the format shows, in the first zone of several; raises ValueError."""
        word, offset = next(iter(self._offsets.items()))
        utc = _EPOCH + timedelta(milliseconds=_in_calendar(ms))
        try:
            local = utc.astimezone(self._zone) if self._zone else utc + timedelta(seconds=offset)
        except OverflowError:
            raise ValueError(f"{ms} ms is outside the years 1970 to 9999") from None
        if self._century and not 2000 <= local.year <= 2099:
            raise ValueError(f"the year {local.year} does not fit two digits")
        return self._written.format(t=local, short_year=local.year % 100, ms=ms % 1000, word=word)

    def parse_pairs(self, numbers: Sequence[int]) -> int:
        """Epoch ms of one number for every two digits, 20 9 16 15 59 23 for `YYMMDDhhmmss`; raises ValueError."""
        return self.parse("".join([f"{number:02d}" for number in numbers]))

    def pairs_of(self, ms: int) -> list[int]:
        """The inverse of `parse_pairs`; raises ValueError."""
        text = self.text(ms)
        return [int(text[at : at + 2]) for at in range(0, len(text), 2)]


def compile_datetime(form: str, zone: str | None, zones: Mapping[str, str] | None) -> DateTimeFormat:
    """`zone` is an offset such as +01:00 or a name such as Europe/Berlin, None for UTC; raises ValueError.

    `zones` holds the offsets by zone word of a format with `z`.
    """
    parts = _split(form)
    if ("z" in parts) != bool(zones):
        raise ValueError("`z` in the format and the offsets in `zones` need each other")
    if zones and zone:
        raise ValueError("the zone is given twice, by `zone` and by `zones`")
    offsets = {word: _offset(text) for word, text in zones.items()} if zones else {"": 0}
    if len({len(word) for word in offsets}) > 1 or (zones and "" in offsets):
        raise ValueError("the words in `zones` must be of one length")
    fixed = zone is None or _OFFSET.match(zone) is not None
    if zone and fixed:
        offsets = {"": _offset(zone)}
    pattern = _pattern(parts, offsets)
    numbers = [part for part in parts if part in _WRITTEN and part != "z"]
    return DateTimeFormat(
        format=form,
        length=sum(len(next(iter(offsets))) if part == "z" else len(part) for part in parts),
        pairs=numbers == parts and "SSS" not in parts,
        _pattern=pattern,
        _groups=tuple(pattern.groupindex[name] for name in ("year", *_PARTS)),
        _century=2000 if "YY" in parts else 0,
        _written="".join(_WRITTEN.get(part) or part.replace("{", "{{").replace("}", "}}") for part in parts),
        _zone=None if zone is None or fixed else _zone(zone),
        _offsets=offsets,
    )


def _split(form: str) -> list[str]:
    parts, at = [], 0
    while at < len(form):
        match = _PART.match(form, at)
        if match is None:
            raise ValueError(f"`{form[at:]}` is no part of a timestamp: expected one of {', '.join(_WRITTEN)}")
        if match[0] in parts and match[0] in _WRITTEN:
            raise ValueError(f"`{match[0]}` is in the format twice")
        parts.append(match[0])
        at = match.end()
    years = sum(part in ("YYYY", "YY") for part in parts)
    if years != 1 or "MM" not in parts or "DD" not in parts:
        raise ValueError("a timestamp needs one year (YYYY or YY), a month (MM) and a day (DD)")
    return parts


def _pattern(parts: Sequence[str], offsets: Mapping[str, int]) -> re.Pattern[str]:
    """Named groups for all parts, empty at the end for those that the format leaves out."""
    words = "|".join(map(re.escape, offsets))
    text = ""
    for part in parts:
        name = "year" if part in ("YYYY", "YY") else part
        digits = words if part == "z" else f"[0-9]{{{len(part)}}}"
        text += f"(?P<{name}>{digits})" if part in _WRITTEN else re.escape(part)
    return re.compile(text + r"\Z" + "".join(f"(?P<{name}>)" for name in _PARTS if name not in parts))


def _offset(text: str) -> int:
    match = _OFFSET.match(str(text))
    if match is None:
        raise ValueError(f"`{text}` is no offset such as +01:00")
    seconds = int(match[2]) * 3600 + int(match[3]) * 60
    return -seconds if match[1] == "-" else seconds


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        hint = suggest(name, available_timezones()) or ": expected +01:00 or a name such as Europe/Berlin"
        raise ValueError(f"unknown zone `{name}`{hint}") from None


def _offset_in(zone: ZoneInfo, local: datetime) -> int:
    """Seconds east of UTC at a local time; raises ValueError where the clocks skip it."""
    moment = local.replace(tzinfo=zone)
    first, second = moment.utcoffset(), moment.replace(fold=1).utcoffset()
    if first is None or second is None or first < second:
        raise ValueError(f"{local} does not exist in {zone.key}: the clocks skip it")
    return first.days * 86400 + first.seconds


def _in_calendar(ms: int) -> int:
    if not 0 <= ms <= _LAST_MS:
        raise ValueError(f"{ms} ms is outside the years 1970 to 9999")
    return ms
