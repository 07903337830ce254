"""Firmware versions as people read them: numbers as numbers, a word before the release."""

import pytest

from udfs.firmware import compile_firmware_range


@pytest.mark.parametrize(
    ("condition", "inside", "outside"),
    [
        ("1.2", ["1.2", "v1.2", "V1.2.0", "01.2"], ["1.20", "1.2.1", "1"]),
        (">=1.9", ["1.9", "1.10", "2"], ["1.8.99", "1.9-rc1", "0"]),
        (">=1.2, <2", ["1.2", "1.99"], ["2", "2.0.0", "1.1"]),
        ("<2.0", ["2.0-rc1", "1.9b"], ["2.0", "2.0.1"]),
        ("!=3", ["2", "3.1"], ["3", "3.0"]),
        ("> 1.2", ["1.2.1", "1.3"], ["1.2"]),
        ("<=2.0-rc2", ["2.0-rc1", "2.0-rc2", "2.0-beta9"], ["2.0-rc3", "2.0"]),
    ],
)
def test_a_range_holds_versions(condition: str, inside: list[str], outside: list[str]) -> None:
    holds = compile_firmware_range(condition)
    assert [version for version in inside if not holds(version)] == []
    assert [version for version in outside if holds(version)] == []


@pytest.mark.parametrize("text", ["", ">=", "1.2 - 1.4", "~1.2 3", "=>1"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no condition: write for example"):
        compile_firmware_range(text)
