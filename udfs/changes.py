"""What another version of a product changes for those who read its messages: views, rules and the lake.

The lake keeps readings in maps, beside columns for what a domain declares, so no product changes its table; rows are
told apart by `spec_version`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from udfs.releases import Release, ReleasedColumn

_PLACES = frozenset({"at", "bits", "length", "until", "path", "column", "byte_order", "mark", "quoted"})
_CONTRACT = frozenset({"required", "range", "pattern", "max_step", "monotonic", "on_violation", "equals"})


@dataclass(frozen=True)
class Change:
    """One difference; a breaking one makes a reader fail or mistake a value. `column` is empty for the payload's
    layout; `view`, `lake` say what becomes of it there."""

    domain: str
    column: str
    what: str
    breaking: bool
    view: str
    lake: str


def changes(before: Release, after: Release) -> list[Change]:
    """From one release to another, the breaking ones first."""
    old = {(column.domain, column.name): column for column in before.columns}
    new = {(column.domain, column.name): column for column in after.columns}
    found = [_removed(column) for key, column in old.items() if key not in new]
    found += [_added(column) for key, column in new.items() if key not in old]
    found += [change for key, column in old.items() if key in new for change in _changed(column, new[key])]
    if not found and before.fingerprint != after.fingerprint:
        what = "layout, times or checks are stated otherwise; every column stays as it is"
        found.append(Change("", "", what, False, "same", "same"))
    return sorted(found, key=lambda change: not change.breaking)


def _removed(column: ReleasedColumn) -> Change:
    return Change(column.domain, column.name, "removed", True, "column gone", "no key in new rows")


def _added(column: ReleasedColumn) -> Change:
    unit = f", {column.unit}" if column.unit else ""
    return Change(
        column.domain, column.name, f"added ({column.kind}{unit})", False, "new column", "no key in rows before"
    )


def _changed(old: ReleasedColumn, new: ReleasedColumn) -> Iterator[Change]:
    def change(what: str, breaking: bool, view: str, lake: str) -> Change:
        return Change(old.domain, old.name, what, breaking, view, lake)

    if old.kind != new.kind:
        yield change(f"{old.kind} → {new.kind}", True, "another type", f"{old.kind}s before, {new.kind}s in new rows")
        return
    if old.unit != new.unit:
        units = f"{old.unit or 'no unit'} → {new.unit or 'no unit'}"
        yield change(f"unit {units}", True, "same column, another unit", "rows before are in the old unit")
    if gone := old.labels - new.labels:
        yield change(f"label gone: {', '.join(sorted(gone))}", True, "same column", "rows before keep it")
    if more := new.labels - old.labels:
        yield change(f"new label: {', '.join(sorted(more))}", False, "same column", "not in rows before")
    yield from (change(*rest) for rest in _stated_otherwise(old, new))


def _stated_otherwise(old: ReleasedColumn, new: ReleasedColumn) -> Iterator[tuple[str, bool, str, str]]:
    if len(old.stated) != len(new.stated):
        yield f"filled by {len(new.stated)} fields, was {len(old.stated)}", False, "same column", "same key"
        return
    keys: dict[str, str] = {}
    for before, after in zip(old.stated, new.stated, strict=True):
        for key in dict.fromkeys([*before, *after]):
            if key not in ("unit", "enum", "else") and before.get(key) != after.get(key):
                keys.setdefault(key, f"{key} {before.get(key, 'default')} → {after.get(key, 'default')}")
    for what, names in (("read from another place", _PLACES), ("contract", _CONTRACT)):
        if told := [text for key, text in keys.items() if key in names]:
            yield f"{what}: {', '.join(told)}", False, "same column", "same key"
    if told := [text for key, text in keys.items() if key not in _PLACES | _CONTRACT]:
        yield f"read otherwise: {', '.join(told)}", False, "same column, other values", "rows before keep their values"
