"""Series in short: what promtool's notation stands for."""

import pytest

from jobs.series_expression import MAX_VALUES, expand


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("7", [7]),
        ("1 2.5 -3", [1, 2.5, -3]),
        ("20+0.5x3", [20, 20.5, 21, 21.5]),
        ("10-2x2", [10, 8, 6]),
        ("-1+1x1", [-1, 0]),
        ("5x3", [5, 5, 5, 5]),
        ("1 _ 2", [1, None, 2]),
        ("_x2 4", [None, None, 4]),
        ("0+0.1x10", [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]),
    ],
)
def test_terms_stand_one_after_another(text: str, values: list[float | None]) -> None:
    assert expand(text) == (values, None)


@pytest.mark.parametrize(
    ("text", "milliseconds"), [("1x3 @10 s", 10_000), ("1 @1 min", 60_000), ("1 2 @ 2h", 7_200_000)]
)
def test_the_end_says_how_far_apart_they_are(text: str, milliseconds: int) -> None:
    assert expand(text).every_ms == milliseconds


@pytest.mark.parametrize("text", ["", "@10 s", "twenty", "1+2", "_+1x2", "1x", "1 @ten s", "1+x2", "1.x2"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no term|no value"):
        expand(text)


def test_no_text_fills_the_memory() -> None:
    with pytest.raises(ValueError, match=f"more than {MAX_VALUES} values"):
        expand("1x99999999999")
