"""Master data: how the rows of scattered databases become unified rows, by specs/masters/*.yaml.

Comes in: one CDC record in the JSON of AWS DMS. Leaves: one MasterChange, or None for what carries no row (control
records, tables of DMS itself, tables that no mapping names).
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from udfs.errors import SluiceError, SpecError

RECORDS_PER_MILLISECOND: Final = 1_000_000
"""Versions order the rows of one commit by their place in the transaction: version = ms * this + place."""

_FIRST_MS: Final = 0
_LAST_MS: Final = 4_102_444_800_000  # the year 2100: anything outside is a broken clock or a broken record


class MasterError(SluiceError):
    """A CDC record that cannot be applied; `reason` is its dead-letter code."""

    def __init__(self, reason: str, message: str, *, field: str = "") -> None:
        self.reason, self.message, self.field = reason, message, field
        super().__init__(message)


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table of a source database, as DMS names it."""

    schema: str
    table: str


class ColumnMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a unified column comes from and how its text is normalised."""

    source: str = msgspec.field(name="from")
    type: Literal["text", "number", "time"] = "text"
    case: Literal["as_is", "upper", "lower"] = "as_is"
    one_of: tuple[str, ...] = ()
    matches: str = ""
    """A regular expression for the whole text."""


class MasterSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One mapping file: a source table and the unified master table that its rows become."""

    master: str
    source: Source
    key: str
    columns: dict[str, ColumnMapping]


class MasterChange(msgspec.Struct, frozen=True):
    """One change of a unified row. A deleted row has its key column only; absent columns are null."""

    master: str
    key: str
    columns: dict[str, str]
    version: int
    deleted: bool


class MasterCatalog:
    """All mappings, by the source table that a CDC record names."""

    def __init__(self, specs: list[MasterSpec]) -> None:
        self.specs = {spec.master: spec for spec in specs}
        self.keys = {spec.master: spec.key for spec in specs}
        """Each unified table and its key column."""
        self._by_source = {(spec.source.schema, spec.source.table): spec for spec in specs}

    def change(self, record: bytes) -> MasterChange | None:
        """The unified change in a DMS record; raises MasterError with `bad_cdc` or `bad_value`."""
        document = _parse(record)
        metadata = document["metadata"]
        spec = self._by_source.get((str(metadata.get("schema-name")), str(metadata.get("table-name"))))
        if spec is None or metadata.get("record-type") != "data":
            return None
        deleted = metadata.get("operation") == "delete"
        columns = _columns(spec, document.get("data"), only_key=deleted)
        return MasterChange(spec.master, columns[spec.key], columns, _version(metadata), deleted)


def read_masters(directory: Path) -> dict[str, str]:
    """The texts of masters/*.yaml under `directory`, by relative file name."""
    return {p.relative_to(directory).as_posix(): p.read_text("utf-8") for p in sorted(directory.glob("masters/*.yaml"))}


def compile_masters(texts: Mapping[str, str]) -> MasterCatalog:
    """The catalog of these mapping files; raises SpecError for the first fault."""
    specs: dict[Source, MasterSpec] = {}
    for file, text in texts.items():
        spec = _compile(file, text)
        if spec.source in specs:
            other = specs[spec.source].master
            message = f"{spec.source.schema}.{spec.source.table} is already the source of `{other}`"
            raise SpecError(message, file=file, path="source")
        specs[spec.source] = spec
    return MasterCatalog(list(specs.values()))


def _compile(file: str, text: str) -> MasterSpec:
    try:
        spec = msgspec.yaml.decode(text, type=MasterSpec)
    except msgspec.DecodeError as error:
        raise SpecError(str(error), file=file) from error
    if spec.key not in spec.columns:
        raise SpecError(f"key `{spec.key}` is none of the columns {', '.join(spec.columns)}", file=file, path="key")
    return spec


def _parse(record: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(record, type=dict[str, dict[str, Any]])
    except msgspec.DecodeError as error:
        raise MasterError("bad_cdc", f"not a DMS record: {error}") from error
    except UnicodeDecodeError as error:
        raise MasterError("bad_cdc", f"not UTF-8 text: {error}") from error
    except RecursionError as error:
        raise MasterError("bad_cdc", "not a DMS record: lists or objects stand too deep in one another") from error
    if "metadata" not in document:
        raise MasterError("bad_cdc", "a DMS record without `metadata`", field="metadata")
    return document


def _columns(spec: MasterSpec, data: dict[str, Any] | None, *, only_key: bool) -> dict[str, str]:
    if data is None:
        raise MasterError("bad_cdc", "a data record without `data`", field="data")
    wanted = {spec.key: spec.columns[spec.key]} if only_key else spec.columns
    columns = {
        name: _value(mapping, data[mapping.source])
        for name, mapping in wanted.items()
        if data.get(mapping.source) is not None  # DMS leaves null columns out
    }
    if not columns.get(spec.key):
        key = spec.columns[spec.key].source
        raise MasterError("bad_cdc", f"the key column `{key}` is absent or empty", field=f"data.{key}")
    return columns


def _value(mapping: ColumnMapping, raw: Any) -> str:
    field = f"data.{mapping.source}"
    if isinstance(raw, (dict, list)):
        raise MasterError("bad_value", f"expected a plain value, got {type(raw).__name__}", field=field)
    # PostgreSQL text cannot hold NUL.
    text = str(raw).strip().replace("\x00", "")
    if mapping.case != "as_is":
        text = text.lower() if mapping.case == "lower" else text.upper()
    if mapping.one_of and text not in mapping.one_of:
        raise MasterError("bad_value", f"expected one of {', '.join(mapping.one_of)}, got `{text}`", field=field)
    if mapping.matches and not re.fullmatch(mapping.matches, text):
        raise MasterError("bad_value", f"expected a text like {mapping.matches}, got `{text}`", field=field)
    if mapping.type == "number":
        return _number(text, field)
    return _time(text, field) if mapping.type == "time" else text


def _time(text: str, field: str) -> str:
    """As `2026-11-24 08:00:00` in UTC, which SQL reads too."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MasterError("bad_value", f"expected a time in ISO 8601, got `{text}`", field=field) from error
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _number(text: str, field: str) -> str:
    try:
        number = float(text)
    except ValueError as error:
        raise MasterError("bad_value", f"expected a number, got `{text}`", field=field) from error
    if number != number or number in (float("inf"), float("-inf")):
        raise MasterError("bad_value", f"expected a finite number, got `{text}`", field=field)
    return repr(number)


def _version(metadata: dict[str, Any]) -> int:
    """The source's commit time where DMS gives it, else the time it built the record (rows of the full load)."""
    text = metadata.get("commit-timestamp") or metadata.get("timestamp")
    try:
        moment = datetime.fromisoformat(str(text))
        place = int(metadata.get("transaction-record-id") or 0)
    except (ValueError, TypeError) as error:
        raise MasterError("bad_cdc", f"no usable position: {error}", field="metadata") from error
    milliseconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    if not _FIRST_MS <= milliseconds < _LAST_MS:
        raise MasterError("bad_cdc", f"commit time {text} is outside 1970..2100", field="metadata.commit-timestamp")
    return milliseconds * RECORDS_PER_MILLISECOND + min(max(place, 0), RECORDS_PER_MILLISECOND - 1)
