"""Normalising the values of master data: one way of writing a text, a number, a time, a phone, a country, a time zone.

Each function takes the text of a source, trimmed and not empty, and returns the unified text; ValueError says what was
expected.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from babel import Locale
from babel.core import get_global

COUNTRY_LANGUAGES: Final = ("en", "de", "fr", "es", "it", "nl", "pl", "pt", "ja", "zh")
"""Languages in which a country may be named."""


def number(text: str) -> str:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("not finite")
    return repr(value)


def time(text: str) -> str:
    """As `2026-11-24 08:00:00` in UTC, which SQL reads too; a time without zone is UTC."""
    moment = datetime.fromisoformat(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def country(text: str) -> str:
    """ISO 3166 alpha-2 of a code (alpha-2, alpha-3, numeric) or of a name in one of COUNTRY_LANGUAGES."""
    code = text.upper()
    aliases: Mapping[str, list[str]] = get_global("territory_aliases")
    found = aliases.get(code, [code])[0] if code.isalnum() else code
    if found in _country_codes():
        return found
    return _country_names()[text.casefold()]


def time_zone(text: str) -> str:
    """A zone of the IANA database; Windows' names are translated."""
    windows: Mapping[str, str] = get_global("windows_zone_mapping")
    name = windows.get(text, text)
    ZoneInfo(name)
    return name


def phone(text: str, region: str | None) -> str:
    """E.164; a number without `+` is one of `region`, an alpha-2 code."""
    number = phonenumbers.parse(text, region)
    if not phonenumbers.is_possible_number(number):
        raise ValueError("not a possible number")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


NORMALISERS: Final[Mapping[str, tuple[str, Callable[[str], str]]]] = {
    "text": ("a text", str),
    "number": ("a finite number", number),
    "time": ("a time in ISO 8601", time),
    "country": ("a country's code or name", country),
    "time_zone": ("a time zone such as Europe/Berlin", time_zone),
}
"""Type → what is expected, and its function; `phone` needs the region beside it."""

FAULTS: Final = (
    ValueError,
    OverflowError,
    KeyError,
    OSError,
    ZoneInfoNotFoundError,
    phonenumbers.NumberParseException,
)
"""What the functions raise for a text that is none of its type."""


@cache
def _country_codes() -> frozenset[str]:
    return frozenset(code for code in map(str, Locale("en").territories) if len(code) == 2 and code.isalpha())


@cache
def _country_names() -> dict[str, str]:
    return {
        str(name).casefold(): str(code)
        for language in reversed(COUNTRY_LANGUAGES)
        for code, name in Locale(language).territories.items()
        if str(code) in _country_codes()
    }
