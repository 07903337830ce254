import pytest

from udfs.timestamps import iso_text, parse_iso, parse_yymmddhhmmss, yymmddhhmmss_text


@pytest.mark.parametrize(
    ("text", "ms", "written"),
    [
        ("2020-09-16T15:59:23Z", 1600271963000, "2020-09-16T15:59:23Z"),
        ("2020-09-16T17:59:23+02:00", 1600271963000, "2020-09-16T15:59:23Z"),
        ("2020-09-16 15:59:23", 1600271963000, "2020-09-16T15:59:23Z"),
        ("1970-01-01T00:00:00.007Z", 7, "1970-01-01T00:00:00.007Z"),
    ],
)
def test_iso_texts_are_read_in_any_zone_and_written_in_utc(text: str, ms: int, written: str) -> None:
    assert parse_iso(text) == ms
    assert iso_text(ms) == written


def test_twelve_digits_are_a_time_in_this_century() -> None:
    assert iso_text(parse_yymmddhhmmss("991231235959")) == "2099-12-31T23:59:59Z"
    assert yymmddhhmmss_text(parse_yymmddhhmmss("200916155923")) == "200916155923"


@pytest.mark.parametrize(
    ("text", "message"),
    [("991331235959", "month must be in 1..12")]
    + [(text, "not 12 digits") for text in ("20091615592", "20091615592x", "²00916155923", "")],
)
def test_what_is_no_time_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_yymmddhhmmss(text)


@pytest.mark.parametrize("ms", [-1, 1 << 63])
def test_a_time_outside_the_calendar_is_refused(ms: int) -> None:
    with pytest.raises(ValueError, match="outside the years"):
        iso_text(ms)
