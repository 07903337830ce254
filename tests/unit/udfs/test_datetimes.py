import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.datetimes import compile_datetime
from udfs.timestamps import iso_text

SUMMER_WINTER = {"W": "+01:00", "S": "+02:00"}


@pytest.mark.parametrize(
    ("form", "zone", "text", "utc"),
    [
        ("YYMMDDhhmmss", None, "200916155923", "2020-09-16T15:59:23Z"),
        ("YYMMDDhhmmss", None, "991231235959", "2099-12-31T23:59:59Z"),
        ("YYMMDDhhmmss", "+01:00", "200101003000", "2019-12-31T23:30:00Z"),
        ("YYMMDDhhmmss", "-05:30", "200101003000", "2020-01-01T06:00:00Z"),
        ("YYMMDDhhmmss", "Europe/Berlin", "200716120000", "2020-07-16T10:00:00Z"),
        ("YYMMDDhhmmss", "Europe/Berlin", "200116120000", "2020-01-16T11:00:00Z"),
        ("YYYYMMDD;hh:mm:ss", None, "20240229;23:59:59", "2024-02-29T23:59:59Z"),
        ("DD.MM.YYYY hh:mm", None, "01.02.2021 03:04", "2021-02-01T03:04:00Z"),
        ("YYYY-MM-DD{hh}", None, "2021-02-01{03}", "2021-02-01T03:00:00Z"),
        ("YYYYMMDDhhmmssSSS", None, "20210201030405678", "2021-02-01T03:04:05.678Z"),
        ("hhmmssDDMMYY", None, "120000160920", "2020-09-16T12:00:00Z"),
    ],
)
def test_local_digits_are_read_and_written(form: str, zone: str | None, text: str, utc: str) -> None:
    compiled = compile_datetime(form, zone, None)
    ms = compiled.parse(text)
    assert iso_text(ms) == utc
    assert compiled.text(ms) == text
    assert compiled.length == len(text)


@pytest.mark.parametrize(("text", "utc"), [("200716120000S", "2020-07-16T10:00:00Z"), ("200716120000W", "…11:00:00Z")])
def test_a_word_says_the_zone(text: str, utc: str) -> None:
    compiled = compile_datetime("YYMMDDhhmmssz", None, SUMMER_WINTER)
    assert iso_text(compiled.parse(text)).endswith(utc.lstrip("…"))
    assert compiled.length == 13
    assert not compiled.pairs


def test_of_several_zones_the_first_is_written() -> None:
    compiled = compile_datetime("YYMMDDhhmmssz", None, SUMMER_WINTER)
    assert compiled.text(compiled.parse("200716120000S")) == "200716110000W"


def test_a_time_that_comes_twice_is_the_first_of_the_two() -> None:
    compiled = compile_datetime("YYYYMMDDhhmm", "Europe/Berlin", None)
    assert iso_text(compiled.parse("202410270230")) == "2024-10-27T00:30:00Z"


def test_a_time_that_the_clocks_skip_is_refused() -> None:
    compiled = compile_datetime("YYYYMMDDhhmm", "Europe/Berlin", None)
    with pytest.raises(ValueError, match="2024-03-31 02:30:00 does not exist in Europe/Berlin"):
        compiled.parse("202403310230")


@pytest.mark.parametrize(
    ("form", "numbers"),
    [("YYMMDDhhmmss", [20, 9, 16, 15, 59, 23]), ("DDMMYYYYhh", [16, 9, 20, 20, 15])],
)
def test_a_format_of_pairs_is_one_number_for_each(form: str, numbers: list[int]) -> None:
    compiled = compile_datetime(form, None, None)
    assert compiled.pairs
    assert compiled.pairs_of(compiled.parse_pairs(numbers)) == numbers


@pytest.mark.parametrize("numbers", [[20, 9, 16, 15, 59, 100], [20, 9, 16, 15, 59], [20, 9, 16, 15, 59, -1], []])
def test_numbers_that_are_no_pairs_of_digits_are_refused(numbers: list[int]) -> None:
    with pytest.raises(ValueError, match="is not written YYMMDDhhmmss"):
        compile_datetime("YYMMDDhhmmss", None, None).parse_pairs(numbers)


@pytest.mark.parametrize("form", ["YY-MM-DD", "YYMMDDhhmmssSSS"])
def test_other_formats_are_not_of_pairs(form: str) -> None:
    assert not compile_datetime(form, None, None).pairs


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("991331235959", "month must be in 1..12"),
        ("000000000000", "month must be in 1..12"),
        ("200230000000", "day is out of range"),
        ("200101250000", "hour must be in 0..23"),
        ("200101235960", "second must be in 0..59"),
    ]
    + [(text, "is not written") for text in ("20091615592", "2009161559233", "20091615592x", "²00916155923", "")],
)
def test_what_is_no_time_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compile_datetime("YYMMDDhhmmss", None, None).parse(text)


def test_times_outside_1970_to_9999_or_the_century_are_refused() -> None:
    with pytest.raises(ValueError, match="outside the years"):
        compile_datetime("YYYYMMDD", None, None).parse("19691231")
    for ms in (-1, 1 << 80):
        with pytest.raises(ValueError, match="outside the years"):
            compile_datetime("YYYYMMDD", None, None).text(ms)
    for zone in ("+01:00", "Asia/Tokyo"):
        with pytest.raises(ValueError, match="outside the years"):
            compile_datetime("YYYYMMDD", zone, None).text(253_402_300_799_999)
    with pytest.raises(ValueError, match="the year 1970 does not fit two digits"):
        compile_datetime("YYMMDD", None, None).text(0)


@pytest.mark.parametrize(
    ("form", "zone", "zones", "message"),
    [
        ("yymmdd", None, None, "`yymmdd` is no part of a timestamp: expected one of YYYY, YY, MM"),
        ("YYMMDDhhMM", None, None, "`MM` is in the format twice"),
        ("hhmmss", None, None, "needs one year"),
        ("YYMMDDYYYY", None, None, "needs one year"),
        ("YYMMDDz", None, None, "`z` in the format and the offsets in `zones` need each other"),
        ("YYMMDD", None, SUMMER_WINTER, "need each other"),
        ("YYMMDDz", "+01:00", SUMMER_WINTER, "given twice"),
        ("YYMMDDz", None, {"W": "+01:00", "SS": "+02:00"}, "of one length"),
        ("YYMMDDz", None, {"W": "1"}, "`1` is no offset such as"),
        ("YYMMDD", "Europe/Berlni", None, "unknown zone `Europe/Berlni`, did you mean `Europe/Berlin`?"),
        ("YYMMDD", "../etc", None, "unknown zone `../etc`"),
        ("YYMMDD", "+1:00", None, "unknown zone `\\+1:00`"),
        ("YYMMDD", "", None, "unknown zone ``"),
    ],
)
def test_a_format_that_cannot_be_meant_says_why(
    form: str, zone: str | None, zones: dict[str, str] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        compile_datetime(form, zone, zones)


def test_a_format_travels_between_processes() -> None:
    compiled = compile_datetime("YYMMDDhhmm", "Europe/Berlin", None)
    assert pickle.loads(pickle.dumps(compiled)).parse("2009161559") == compiled.parse("2009161559")  # noqa: S301


_TIMES = st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001


@given(time=_TIMES, zone=st.sampled_from([None, "+05:45", "-11:00", "UTC", "Asia/Tokyo"]))
def test_every_time_comes_back_to_the_second(time: datetime, zone: str | None) -> None:
    ms = int(time.timestamp()) * 1000
    compiled = compile_datetime("YYMMDDhhmmss", zone, None)
    assert compiled.parse(compiled.text(ms)) == ms
    assert compiled.parse_pairs(compiled.pairs_of(ms)) == ms


@given(text=st.text(max_size=14) | st.text("0123456789", min_size=12, max_size=12))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    compiled = compile_datetime("YYMMDDhhmmss", "Europe/Berlin", None)
    try:
        ms = compiled.parse(text)
    except ValueError:
        return
    assert ms >= 0
