import pytest

from udfs.timestamps import iso_text, parse_iso


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


@pytest.mark.parametrize("ms", [-1, 1 << 63])
def test_a_time_outside_the_calendar_is_refused(ms: int) -> None:
    with pytest.raises(ValueError, match="outside the years"):
        iso_text(ms)
