import pytest

from jobs.durations import duration_ms, duration_text


@pytest.mark.parametrize(
    ("text", "milliseconds"), [("0 s", 0), ("20 s", 20_000), ("5min", 300_000), ("2 h", 7_200_000)]
)
def test_a_duration_in_milliseconds(text: str, milliseconds: int) -> None:
    assert duration_ms(text) == milliseconds


@pytest.mark.parametrize("text", ["", "20", "-1 s", "1.5 s", "3 days", "1 s "])
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration like `20 s`"):
        duration_ms(text)


def test_a_duration_as_text() -> None:
    assert duration_text(90_000) == "90 s"
    assert duration_text(1_500) == "1.5 s"
