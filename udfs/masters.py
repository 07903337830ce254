"""Master data: how the rows of scattered databases become rows of the unified tables, by specs/masters/*.yaml.

A mapping file states the columns of one unified table and the source tables that they come from. Comes in: a change of
a source row, from whatever capture format. Leaves: the same row in unified names and one way of writing each value.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from udfs.cdc.change import CdcError, Row, RowChange
from udfs.document import suggest
from udfs.errors import SpecError
from udfs.normalise import FAULTS, NORMALISERS, phone

RECORDS_PER_MILLISECOND: Final = 1_000_000
"""A unified version = commit time in epoch ms * this + the change's place among those of its millisecond."""

_PLACES: Final = 1 << 20
"""The low bits of a position: the change's place in its transaction, or what is nearest to it."""


class ColumnSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A unified column: how its text is normalised and what must hold of it."""

    type: Literal["text", "number", "time", "phone", "country", "time_zone"] = "text"
    case: Literal["as_is", "upper", "lower"] = "as_is"
    one_of: tuple[str, ...] = ()
    matches: str = ""
    """A regular expression for the whole text."""
    like: str = ""
    """Texts that match it, for whoever wrote one that does not."""
    after: str = ""
    """Of a time: the column of the one that lies before it."""
    region: str = ""
    """Of a phone: the column of type country that says where a number without `+` is."""
    references: str = ""
    """The unified table that must have a row of this key."""
    required: bool = False
    agree: bool = False
    """Whether all sources of a row must say the same."""


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a source keeps a unified column; `prefix` parts its keys from the same keys of another source."""

    source: str = msgspec.field(name="from")
    prefix: str = ""


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a source database, or a collection; `columns`: unified column → the source's own."""

    schema: str
    table: str
    columns: dict[str, Place | str]

    @property
    def name(self) -> str:
        return f"{self.schema}.{self.table}"

    @property
    def read(self) -> set[str]:
        """Its own columns that the mapping reads."""
        return {place if isinstance(place, str) else place.source for place in self.columns.values()}

    def place(self, column: str) -> Place | None:
        found = self.columns.get(column)
        return Place(found) if isinstance(found, str) else found


class MasterSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One mapping file: a unified table and its sources, the most trusted first."""

    master: str
    key: str
    columns: dict[str, ColumnSpec]
    sources: tuple[Source, ...]
    match: tuple[str, ...] = ()
    """Columns in which rows of the same thing agree across sources; empty: the key."""

    def rank(self, source: str) -> int:
        return next(rank for rank, each in enumerate(self.sources) if each.name == source)


class MasterChange(msgspec.Struct, frozen=True):
    """One change of a unified row. A deleted row has its key column only; absent columns are null."""

    master: str
    key: str
    columns: dict[str, str]
    version: int
    deleted: bool


class SourceRow(msgspec.Struct, frozen=True):
    """The newest state of one source's row in unified names; `columns` is None where the source has deleted it."""

    master: str
    source: str
    key: str
    position: int
    version: int
    columns: dict[str, str] | None


class MasterCatalog:
    """All mappings, by the source table that a change names."""

    def __init__(self, specs: list[MasterSpec]) -> None:
        self.specs = {spec.master: spec for spec in specs}
        self.keys = {spec.master: spec.key for spec in specs}
        """Each unified table and its key column."""
        self.sources = {(source.schema, source.table): (spec, source) for spec in specs for source in spec.sources}

    def source_rows(self, change: RowChange) -> list[SourceRow]:
        """The source rows that a change leaves: one, or two where the row's key has changed, the old one deleted.

        None for a table that no mapping names. Raises CdcError with `bad_cdc` or `bad_value`.
        """
        found = self.sources.get((change.schema, change.table))
        if found is None:
            return []
        spec, source = found
        place = min(change.position % _PLACES, RECORDS_PER_MILLISECOND - 1)
        version = change.committed_at * RECORDS_PER_MILLISECOND + place

        def row(key: str, columns: dict[str, str] | None) -> SourceRow:
            return SourceRow(spec.master, source.name, key, change.position, version, columns)

        old = _key(spec, source, change.before)
        if change.after is None:
            if old is None:
                raise _no_key(spec, source)
            return [row(old, None)]
        columns = _columns(spec, source, change.after)
        moved = [row(old, None)] if old is not None and old != columns[spec.key] else []
        return [*moved, row(columns[spec.key], columns)]


def read_masters(directory: Path) -> dict[str, str]:
    """The texts of masters/*.yaml under `directory`, by relative file name."""
    return {p.relative_to(directory).as_posix(): p.read_text("utf-8") for p in sorted(directory.glob("masters/*.yaml"))}


def compile_masters(texts: Mapping[str, str]) -> MasterCatalog:
    """The catalog of these mapping files; raises SpecError for the first fault."""
    specs: dict[str, MasterSpec] = {}
    sources: dict[str, str] = {}
    for file, text in texts.items():
        spec = _decode(file, text)
        if spec.master in specs:
            raise SpecError(f"`{spec.master}` has a mapping file already", file=file, path="master")
        for source in spec.sources:
            if source.name in sources:
                message = f"{source.name} is already a source of `{sources[source.name]}`"
                raise SpecError(message, file=file, path="sources")
            sources[source.name] = spec.master
        specs[spec.master] = spec
    for file, spec in zip(texts, specs.values(), strict=True):
        _check(file, spec, specs)
    return MasterCatalog(list(specs.values()))


def _decode(file: str, text: str) -> MasterSpec:
    try:
        return msgspec.yaml.decode(text, type=MasterSpec)
    except msgspec.DecodeError as error:
        raise SpecError(str(error), file=file) from error


def _check(file: str, spec: MasterSpec, specs: Mapping[str, MasterSpec]) -> None:
    def known(name: str, path: str) -> None:
        if name not in spec.columns:
            hint = suggest(name, spec.columns) or f"; it has {', '.join(spec.columns)}"
            raise SpecError(f"no column `{name}`{hint}", file=file, path=path)

    known(spec.key, "key")
    for name in spec.match:
        known(name, "match")
    if not spec.sources:
        raise SpecError("at least one source is needed", file=file, path="sources")
    for source in spec.sources:
        for name in source.columns:
            known(name, f"sources.{source.name}.columns")
        if spec.key not in source.columns:
            raise SpecError(f"the key `{spec.key}` is not mapped", file=file, path=f"sources.{source.name}.columns")
    for name, column in spec.columns.items():
        if column.references and column.references not in specs:
            hint = suggest(column.references, specs) or ""
            raise SpecError(f"no table `{column.references}`{hint}", file=file, path=f"columns.{name}.references")
        if column.region:
            known(column.region, f"columns.{name}.region")
        if column.after:
            known(column.after, f"columns.{name}.after")


def _key(spec: MasterSpec, source: Source, row: Row | None) -> str | None:
    place = source.place(spec.key)
    raw = None if row is None or place is None else row.get(place.source)
    return None if raw is None or place is None else _value(spec.columns[spec.key], place, raw, None)


def _columns(spec: MasterSpec, source: Source, row: Row) -> dict[str, str]:
    columns: dict[str, str] = {}
    # Phones last: they need the country.
    for name in sorted(source.columns, key=lambda name: spec.columns[name].type == "phone"):
        column, place = spec.columns[name], source.place(name)
        raw = row.get(place.source) if place else None
        if place is None or raw is None:
            continue
        value = _value(column, place, raw, columns.get(column.region))
        if value is not None:
            columns[name] = value
    if spec.key not in columns:
        raise _no_key(spec, source)
    _check_order(spec, source, columns)
    return columns


def _check_order(spec: MasterSpec, source: Source, columns: Mapping[str, str]) -> None:
    """Unified times are texts that sort by time."""
    for name, column in spec.columns.items():
        place, before = source.place(name), columns.get(column.after)
        if place and before is not None and name in columns and columns[name] <= before:
            raise CdcError("bad_value", f"expected a time after {before}, got {columns[name]}", field=place.source)


def _no_key(spec: MasterSpec, source: Source) -> CdcError:
    place = source.place(spec.key)
    name = place.source if place else spec.key
    return CdcError("bad_cdc", f"the key column `{name}` of {source.name} is absent or empty", field=name)


def _value(column: ColumnSpec, place: Place, raw: Any, region: str | None) -> str | None:
    """The unified text, None for one that is empty; raises CdcError."""
    if isinstance(raw, (dict, list)):
        raise CdcError("bad_value", f"expected a plain value, got {type(raw).__name__}", field=place.source)
    # PostgreSQL text cannot hold NUL.
    text = str(raw).replace("\x00", "").strip()
    if not text:
        return None
    if column.case != "as_is":
        text = text.lower() if column.case == "lower" else text.upper()
    if column.one_of and text not in column.one_of:
        expected = f"one of {', '.join(column.one_of)}"
        raise CdcError("bad_value", f"expected {expected}, got `{text}`", field=place.source)
    if column.matches and not re.fullmatch(column.matches, text):
        raise CdcError(
            "bad_value", f"expected a text like {column.like or column.matches}, got `{text}`", field=place.source
        )
    normalise: Callable[[str], str]
    expected, normalise = "a phone number, with + and its country's code", partial(phone, region=region)
    if column.type != "phone":
        expected, normalise = NORMALISERS[column.type]
    try:
        return place.prefix + normalise(text)
    except FAULTS as error:
        raise CdcError("bad_value", f"expected {expected}, got `{text}`", field=place.source) from error
