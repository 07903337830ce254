"""What every capture format leaves: one change of a source row, or of a source table's columns.

Positions order the changes of one table by the source's own log, so that it does not matter in which order, or how
often, they arrive.
"""

from typing import Any, Final, Literal

import msgspec

from udfs.errors import SluiceError

Row = dict[str, Any]
"""A source row: column → plain value, as the format gave it; a column that is absent is null."""

SEQUENCES: Final = 10**40
"""position = commit time in epoch ms * this + sequence in the source's log; DynamoDB's have up to 40 digits."""


class CdcError(SluiceError):
    """A record that is no change; `reason` is its dead-letter code, `field` the path in the record."""

    def __init__(self, reason: str, message: str, *, field: str = "") -> None:
        self.reason, self.message, self.field = reason, message, field
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self.reason, self.message, self.field)


class RowChange(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a row of `schema`.`table`; for document stores these are database and collection, or "" and table.

    `after` is the whole row, None where it is deleted. `before` is what the format knows of the row as it was: whole,
    a part such as the key, or None. `committed_at` is epoch ms. `names_all`: `after` has each column of the table, also
    those that are null, so one that it has not is none of the table's.
    """

    schema: str
    table: str
    after: Row | None
    before: Row | None
    position: int
    committed_at: int
    names_all: bool = False


class TableChange(msgspec.Struct, frozen=True, kw_only=True):
    """Columns of a table that came, went or changed, as its source tells it; `columns` is empty where it tells none."""

    schema: str
    table: str
    what: Literal["created", "dropped", "renamed", "truncated", "added", "removed", "retyped"]
    columns: tuple[str, ...]
    position: int
    committed_at: int


def position_of(committed_at: int, sequence: int) -> int:
    """The position of a change; `committed_at` is epoch ms, `sequence` its place in the source's log."""
    return committed_at * SEQUENCES + min(max(sequence, 0), SEQUENCES - 1)


def _rebuilt(reason: str, message: str, field: str) -> CdcError:
    return CdcError(reason, message, field=field)
