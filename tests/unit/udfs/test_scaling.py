import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.scaling import compile_scaling


@pytest.mark.parametrize(
    ("raw", "scale", "offset", "value"),
    [
        (308, 0.1, 0, 30.8),
        (986, 0.1, -80, 18.6),
        (3, 0.01, 0, 0.03),
        (101, 0.5, 0, 50.5),
        (7, 3, 0.25, 21.25),
        (-339367803, 1e-7, 0, -33.9367803),
        (2.5, 0.1, 0, 0.25),
    ],
)
def test_the_value_is_the_decimal_that_a_person_expects(raw: float, scale: float, offset: float, value: float) -> None:
    scaling = compile_scaling(scale, offset)
    assert scaling is not None
    assert scaling.apply(raw) == value
    assert float(scaling.invert(value)) == raw


def test_no_scaling_where_the_raw_number_is_the_value() -> None:
    assert compile_scaling(None, 0) is None
    assert compile_scaling(1.0, 0.0) is None


@given(raw=st.integers(-(1 << 31), 1 << 31), places=st.integers(0, 6), offset=st.integers(-1000, 1000))
def test_every_raw_number_comes_back(raw: int, places: int, offset: int) -> None:
    scaling = compile_scaling(10.0**-places, offset / 10)
    if scaling is not None:
        assert round(scaling.invert(scaling.apply(raw))) == raw
