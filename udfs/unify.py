"""Unified master data: rows of several sources become one row of a thing, whatever the order in which changes come.

Each source row counts in its newest state by the position in its source's log. Rows that match are one thing: the most
trusted source gives the key, and of each column the first value. A row that fails a check is quarantined, as long as it
fails: nothing of it is applied, and what was applied before stands.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from udfs.cdc.change import RowChange, TableChange
from udfs.masters import RECORDS_PER_MILLISECOND, MasterCatalog, MasterChange, MasterSpec, SourceRow

Group = tuple[str, ...]
"""A thing: the unified table, and what its rows match in."""

RowId = tuple[str, str]
"""A source row: source and key."""

_WHOLE_TABLE: Final = ""
"""The key, which no row has, under which a source's table stands as it was last truncated."""

_TABLE_FAULTS: Final = {
    "dropped": "table_dropped",
    "renamed": "table_renamed",
    "removed": "column_removed",
    "retyped": "column_retyped",
}


class Quarantine(msgspec.Struct, frozen=True):
    """A source row that is not applied, or a column that a mapping misses; `reason` empty: it is out of quarantine."""

    source: str
    row_key: str
    reason: str
    field: str
    message: str
    version: int


class PastVersion(msgspec.Struct, frozen=True):
    """A state that a unified row had before the one that stands: for its history only."""

    change: MasterChange


Outcome = SourceRow | MasterChange | PastVersion | Quarantine


class _Fault(NamedTuple):
    reason: str
    field: str
    message: str


class Unifier:
    """All source rows in their newest state, and what stands of them in the unified tables."""

    def __init__(self, catalog: MasterCatalog) -> None:
        self._catalog = catalog
        self._rows: dict[RowId, SourceRow] = {}
        self._members: dict[Group, set[RowId]] = {}
        self._referrers: dict[tuple[str, str], set[Group]] = {}
        self._standing: dict[Group, MasterChange] = {}
        self._owners: dict[tuple[str, str], Group] = {}
        """Unified table and key → the thing that stands under it."""
        self._withdrawn: dict[tuple[str, str], int] = {}
        """Unified table and key → version of the deletion."""
        self._faults: dict[RowId, _Fault] = {}
        self._columns: dict[str, tuple[int, dict[str, bool]]] = {}
        """Source → the position of its newest row, and of each column that is read whether that row had it."""

    def restore(self, rows: Iterable[SourceRow], standing: Iterable[MasterChange]) -> Iterator[Outcome]:
        """Take over what the stores hold of an earlier run: the sources' rows and the unified ones, in any order.

        What a crash kept from being written follows.
        """
        for row in rows:
            self._take(row)
        groups = set(self._members)
        for change in standing:
            if change.deleted:
                self._withdrawn[change.master, change.key] = change.version
                continue
            known = (self._group(row) or self._by_key(row) for row in self._of_key(change.master, change.key))
            group = next(known, (change.master, "key", change.key))
            if group in self._standing:  # two that became one: this is the one to withdraw, or the next
                group = change.master, "key", change.key
            self._standing[group], self._owners[change.master, change.key] = change, group
            groups.add(group)
        yield from self._settle(groups, since=0)

    def apply(self, change: RowChange | TableChange) -> Iterator[Outcome]:
        """What a change of a source changes; raises CdcError, and then nothing is changed."""
        if isinstance(change, TableChange):
            yield from self._table_changed(change)
            return
        for row in self._catalog.source_rows(change):
            yield from self._row_changed(row)
        if change.names_all:
            yield from self._columns_told(change)

    def _row_changed(self, row: SourceRow) -> Iterator[Outcome]:
        known = self._rows.get((row.source, row.key))
        emptied = self._rows.get((row.source, _WHOLE_TABLE))
        if known is None and emptied is not None and row.position < emptied.position:
            known = msgspec.structs.replace(emptied, key=row.key)
            yield from self._row_changed(known)
        if known is not None and known.position >= row.position:
            yield from self._came_late(row) if known.position > row.position else self._said_again(row)
            return
        yield row
        touched = self._take(row)
        if row.columns is None and (row.source, row.key) in self._faults:
            del self._faults[row.source, row.key]
            yield Quarantine(row.source, row.key, "", "", "", row.version)
        yield from self._settle(touched, self._referrers.get((row.master, row.key), ()), since=row.version)

    def _said_again(self, row: SourceRow) -> Iterator[MasterChange]:
        """What follows from a change that has been taken already: a crash may have kept it from the history."""
        group, key = self._group(row), (row.master, row.key)
        if group is not None and group in self._standing:
            yield self._standing[group]
        elif group is None and key not in self._owners and key in self._withdrawn:
            yield self._deletion(*key)

    def _came_late(self, row: SourceRow) -> Iterator[PastVersion]:
        """For the history: a state before the one that stands, where no other source has a say in it."""
        group, key = self._group(row), (row.master, row.key)
        if row.columns is None or group is None or not self._members.get(group, set()) <= {(row.source, row.key)}:
            return
        standing = self._standing.get(self._owners.get(key, group))
        if row.version < (standing.version if standing else self._withdrawn.get(key, 0)):
            yield PastVersion(MasterChange(row.master, row.key, row.columns, row.version, False))

    def _table_changed(self, change: TableChange) -> Iterator[Outcome]:
        found = self._catalog.sources.get((change.schema, change.table))
        if found is None:
            return
        spec, source = found
        version = change.committed_at * RECORDS_PER_MILLISECOND
        if change.what == "truncated":
            for key in [_WHOLE_TABLE, *(key for name, key in self._rows if name == source.name and key)]:
                yield from self._row_changed(SourceRow(spec.master, source.name, key, change.position, version, None))
            return
        reason = _TABLE_FAULTS.get(change.what, "")
        message = f"{source.name} has changed: mend the mapping of `{spec.master}` in specs/masters" if reason else ""
        if change.what in ("created", "dropped", "renamed") or (reason and not change.columns):
            yield Quarantine(source.name, "table", reason, "", message, version)
        for column in sorted(source.read & set(change.columns)):
            yield Quarantine(source.name, f"column {column}", reason, column, message, version)

    def _columns_told(self, change: RowChange) -> Iterator[Quarantine]:
        """Of a format whose rows name every column: what the mapping reads and the newest row has not, or has again.

        Of each column once after a start, for the store may hold what was told before it.
        """
        found = self._catalog.sources.get((change.schema, change.table))
        if found is None or change.after is None:
            return
        spec, source = found
        position, known = self._columns.get(source.name, (-1, {}))
        if change.position <= position:
            return
        told = {column: column in change.after for column in source.read}
        self._columns[source.name] = change.position, told
        version = change.committed_at * RECORDS_PER_MILLISECOND
        for column in sorted(column for column in told if told[column] != known.get(column)):
            missing = f"{source.name} has no `{column}`: mend the mapping of `{spec.master}` in specs/masters"
            reason, message = ("", "") if told[column] else ("column_removed", missing)
            yield Quarantine(source.name, f"column {column}", reason, column, message, version)

    def _take(self, row: SourceRow) -> set[Group]:
        """Put the row in place of its older state; the things that it was or is a part of."""
        row_id = row.source, row.key
        before = self._rows.get(row_id)
        self._rows[row_id] = row
        touched = {group for each in (before, row) if each is not None and (group := self._group(each)) is not None}
        for group in touched:
            self._members.setdefault(group, set()).discard(row_id)
        if (group := self._group(row)) is not None:
            self._members[group].add(row_id)
        return touched or {self._by_key(row)}

    def _group(self, row: SourceRow) -> Group | None:
        if row.columns is None:
            return None
        match = [row.columns.get(column) for column in self._catalog.specs[row.master].match]
        if match and all(match):
            return (row.master, "match", *(value or "" for value in match))
        return self._by_key(row)

    def _by_key(self, row: SourceRow) -> Group:
        return row.master, "key", row.key

    def _settle(self, groups: set[Group], referrers: Iterable[Group] = (), *, since: int) -> Iterator[Outcome]:
        """Judge these things anew, then those that refer to them, and those that what changed concerns.

        `since` is the version of the source row whose change it is.
        """
        # What has no rows any more comes first: it gives its key free.
        queue = OrderedDict.fromkeys(sorted(groups, key=lambda group: (bool(self._members.get(group)), group)))
        queue.update(dict.fromkeys(sorted(referrers)))
        while queue:
            group, _ = queue.popitem(last=False)
            for outcome in self._judge(group, since):
                yield outcome
                if isinstance(outcome, MasterChange):
                    concerned = {*self._concerned(group, outcome), *self._namesakes(outcome)} - {group}
                    queue.update(dict.fromkeys(sorted(concerned)))

    def _concerned(self, group: Group, change: MasterChange) -> Iterator[Group]:
        """The things that refer to this one by whichever key it has had."""
        for key in {change.key, *(key for _, key in self._members.get(group, ()))}:
            yield from self._referrers.get((change.master, key), ())

    def _namesakes(self, change: MasterChange) -> Iterator[Group]:
        """The things with a row of this key; they may have waited for the key to be free."""
        for row in self._of_key(change.master, change.key):
            if change.deleted and (group := self._group(row)) is not None:
                yield group

    def _of_key(self, master: str, key: str) -> Iterator[SourceRow]:
        for source in self._catalog.specs[master].sources:
            if (row := self._rows.get((source.name, key))) is not None:
                yield row

    def _judge(self, group: Group, since: int) -> Iterator[Outcome]:
        master = group[0]
        spec = self._catalog.specs[master]
        members = sorted((self._rows[row_id] for row_id in self._members.get(group, ())), key=lambda r: _trust(spec, r))
        wanted, faults = self._unified(spec, group, members)
        yield from self._quarantined(members, faults)
        before = self._standing.get(group)
        if wanted is None and members:
            return  # what stands, stands
        if before is not None and (wanted is None or before.key != wanted.key):
            rows = [*members, *self._of_key(master, before.key)]
            yield from self._withdraw(group, before, max((row.version for row in rows), default=0))
        if wanted is not None:
            yield from self._put(group, wanted, before, since)

    def _unified(
        self, spec: MasterSpec, group: Group, members: list[SourceRow]
    ) -> tuple[MasterChange | None, dict[RowId, _Fault]]:
        """The row of a thing, None where none can be applied, and what is wrong with its sources' rows."""
        columns: dict[str, str] = {}
        faults: dict[RowId, _Fault] = {}
        version = 0
        for row in members:
            assert row.columns is not None  # noqa: S101 - deleted rows are no members
            self._refer(spec, group, row.columns)
            resolved, fault = self._checked(spec, group, row.columns, columns)
            if fault is not None:
                faults[row.source, row.key] = fault
                continue
            columns = {**resolved, **columns}
            version = max(version, row.version)
        if not columns:
            return None, faults
        if missing := [name for name, column in spec.columns.items() if column.required and name not in columns]:
            fault = _Fault("missing", missing[0], f"no source gives the column `{missing[0]}`, which is required")
            return None, faults | {(row.source, row.key): fault for row in members}
        ordered = {name: columns[name] for name in spec.columns if name in columns}
        return MasterChange(spec.master, ordered[spec.key], ordered, version, False), faults

    def _checked(
        self, spec: MasterSpec, group: Group, row: dict[str, str], columns: dict[str, str]
    ) -> tuple[dict[str, str], _Fault | None]:
        """The row with its references resolved, and what forbids to join it with `columns` of more trusted sources."""
        resolved = dict(row)
        for name, column in spec.columns.items():
            if column.references and name in row:
                found = self._resolve(column.references, row[name])
                if found is None:
                    message = f"`{row[name]}` is no {column.references} that stands; it is applied once there is one"
                    return {}, _Fault("unknown_reference", name, message)
                resolved[name] = found
            if column.agree and name in row and name in columns and resolved[name] != columns[name]:
                message = f"`{resolved[name]}` where a more trusted source says `{columns[name]}`"
                return {}, _Fault("conflict", name, message)
        owner = self._owners.get((spec.master, row[spec.key]))
        if not columns and owner is not None and owner != group:
            message = f"another {spec.master} has the key `{row[spec.key]}`: give one source a prefix"
            return {}, _Fault("key_taken", spec.key, message)
        return resolved, None

    def _refer(self, spec: MasterSpec, group: Group, row: dict[str, str]) -> None:
        for name, column in spec.columns.items():
            if column.references and name in row:
                self._referrers.setdefault((column.references, row[name]), set()).add(group)

    def _resolve(self, master: str, key: str) -> str | None:
        """The key of the standing row that `key` means: its own, or that of a source's row that was joined to it."""
        if (master, key) in self._owners:
            return key
        groups = [self._group(row) for row in self._of_key(master, key)]
        return min((self._standing[group].key for group in groups if group in self._standing), default=None)

    def _put(self, group: Group, wanted: MasterChange, before: MasterChange | None, since: int) -> Iterator[Outcome]:
        key = wanted.master, wanted.key
        version = max(wanted.version, self._withdrawn.pop(key, 0), before.version if before else 0)
        if before is not None and version == before.version and wanted.columns != before.columns:
            version = max(version, since)  # a row that went, or one that it refers to, changed it: not before that did
        change = MasterChange(wanted.master, wanted.key, wanted.columns, version, False)
        self._standing[group], self._owners[key] = change, group
        if change != before:
            yield change

    def _withdraw(self, group: Group, change: MasterChange, version: int) -> Iterator[MasterChange]:
        del self._standing[group]
        self._owners.pop((change.master, change.key), None)
        self._withdrawn[change.master, change.key] = max(version, change.version)
        yield self._deletion(change.master, change.key)

    def _deletion(self, master: str, key: str) -> MasterChange:
        return MasterChange(master, key, {self._catalog.keys[master]: key}, self._withdrawn[master, key], True)

    def _quarantined(self, members: list[SourceRow], faults: dict[RowId, _Fault]) -> Iterator[Quarantine]:
        for row in members:
            row_id = row.source, row.key
            fault = faults.get(row_id)
            if fault != self._faults.get(row_id):
                if fault is None:
                    del self._faults[row_id]
                else:
                    self._faults[row_id] = fault
                yield Quarantine(*row_id, *(fault or _Fault("", "", "")), row.version)


def _trust(spec: MasterSpec, row: SourceRow) -> tuple[int, int, str]:
    """The more trusted source first, of one source the newer row."""
    return spec.rank(row.source), -row.position, row.key
