"""What a new version changes for views, rules and the lake."""

import pytest
from probe import compile_probe

from udfs.changes import Change, changes
from udfs.releases import release_of

BEFORE = """\
kind: length
fields:
  - {name: outlet, type: i16, scale: 0.1, unit: Cel, range: [-40, 85]}
  - {name: mode, type: u8, enum: {0: idle, 1: cooling}}
"""


def between(after: str, before: str = BEFORE) -> list[Change]:
    return changes(release_of(compile_probe(before)), release_of(compile_probe(after)))


def only(after: str) -> Change:
    (change,) = between(after)
    return change


def test_the_same_is_no_change() -> None:
    assert between(BEFORE) == []


def test_an_added_field_is_compatible() -> None:
    change = only(BEFORE + "  - {name: humidity, type: u8, unit: '%'}\n")
    assert (change.column, change.what, change.breaking) == ("humidity", "added (measurement, %)", False)


@pytest.mark.parametrize(
    ("old", "new", "column", "what"),
    [
        ("unit: Cel", "unit: K", "outlet", "unit Cel → K"),
        ("enum: {0: idle, 1: cooling}", 'unit: "1"', "mode", "attribute → measurement"),
        ("1: cooling", "1: cool", "mode", "label gone: cooling"),
        ("name: mode", "name: state", "mode", "removed"),
    ],
)
def test_what_makes_a_reader_fail_or_mistake_a_value_is_breaking(old: str, new: str, column: str, what: str) -> None:
    first = between(BEFORE.replace(old, new))[0]
    assert (first.column, first.what, first.breaking) == (column, what, True)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("1: cooling", "1: cooling, 2: defrost", "new label: defrost"),
        ("scale: 0.1", "scale: 0.01", "read otherwise: scale 0.1 → 0.01"),
        ("[-40, 85]", "[-40, 60]", "contract: range [-40.0, 85.0] → [-40.0, 60.0]"),
        ("name: mode", "name: mode, at: 4", "read from another place: at default → 4"),
        ("kind: length", "kind: length\ntrailing: warn", "layout, times or checks are stated otherwise"),
    ],
)
def test_what_leaves_the_columns_as_they_are_is_compatible(old: str, new: str, what: str) -> None:
    change = only(BEFORE.replace(old, new))
    assert change.what.startswith(what)
    assert not change.breaking


def test_breaking_changes_come_first() -> None:
    after = BEFORE.replace("name: outlet", "name: supply")
    assert [change.breaking for change in between(after)] == [True, False]
