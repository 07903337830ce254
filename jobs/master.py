"""Master data: capture records → source rows → unified rows, which go to Aurora and, by broadcast, to decode.

What is known of the sources' rows rests in Aurora, not in Flink's state: a start without a snapshot, from whatever
position, goes on where the stores are. Records that come again change nothing.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
import psycopg
from psycopg.rows import dict_row
from pyflink.common import Row
from pyflink.datastream import OutputTag, ProcessFunction, RuntimeContext

from jobs import rows
from jobs.config import Aurora
from jobs.dead_letters import dead_letter
from jobs.enrich import read_master_data
from jobs.ingest import Record, split_record
from udfs.cdc.change import CdcError
from udfs.cdc.formats import read_changes
from udfs.masters import RECORDS_PER_MILLISECOND, MasterChange, SourceRow, compile_masters
from udfs.unify import Outcome, PastVersion, Quarantine, Unifier

STREAM: Final = "master-cdc"
DEAD_LETTERS: Final = OutputTag("master-dead-letters", rows.DEAD_LETTER)
SOURCE_ROWS: Final = OutputTag("master-source-rows", rows.MASTER_SOURCE_ROW)
QUARANTINES: Final = OutputTag("master-quarantines", rows.MASTER_QUARANTINE)
VERSIONS: Final = OutputTag("master-versions", rows.MASTER_VERSION)
SIDE_TABLES: Final = {"master_source_rows": SOURCE_ROWS, "master_quarantines": QUARANTINES, "master_versions": VERSIONS}
"""SQL's names of the side outputs."""

_POSITION_DIGITS: Final = 53

_log = logging.getLogger(__name__)


class UnifyMaster(ProcessFunction):  # type: ignore[misc]
    """Capture records → rows.MASTER_CHANGE, in the order in which they hold; what cannot be read is a dead letter."""

    def __init__(self, masters: Mapping[str, str], aurora: Aurora) -> None:
        self._masters, self._aurora = masters, aurora

    def open(self, runtime_context: RuntimeContext) -> None:
        self._unifier: Unifier | None = None

    def process_element(self, value: Row, ctx: ProcessFunction.Context) -> Iterator[Any]:
        if self._unifier is None:  # only the one subtask that gets records needs what the stores hold
            self._unifier, healed = _restored(self._masters, self._aurora)
            yield from healed
        record = Record(*value)
        for line in split_record(record.data):
            try:
                outcomes = [outcome for change in read_changes(line.data) for outcome in self._unifier.apply(change)]
            except Exception as error:
                if not isinstance(error, CdcError):
                    _log.exception("%s, sequence number %s", record.shard_id, record.sequence_number)
                yield DEAD_LETTERS, Row(*dead_letter(STREAM, record, line, None, error))
                continue
            for outcome in outcomes:
                yield from _rows(outcome)


def _restored(masters: Mapping[str, str], aurora: Aurora) -> tuple[Unifier, list[Any]]:
    """The unifier as the stores left it, and what a crash kept from them."""
    catalog = compile_masters(masters)
    unifier = Unifier(catalog)
    # By the write endpoint: a replica that is behind would bring withdrawn rows back.
    standing = read_master_data(aurora, aurora.write_host, catalog.keys)
    outcomes = unifier.restore(read_source_rows(aurora), standing)
    return unifier, [row for outcome in outcomes for row in _rows(outcome)]


def read_source_rows(aurora: Aurora) -> Iterable[SourceRow]:
    """Every source's row in its newest state."""
    with (
        psycopg.connect(aurora.conninfo(aurora.write_host), row_factory=dict_row) as connection,
        connection.cursor("source_rows") as cursor,  # of the server: they may be millions
    ):
        cursor.itersize = 10_000
        for row in cursor.execute("SELECT * FROM master_source_row"):
            columns = None if row["columns"] is None else msgspec.json.decode(row["columns"], type=dict[str, str])
            at = int(row["position"])
            yield SourceRow(row["master"], row["source"], row["row_key"], at, row["version"], columns)


def _rows(outcome: Outcome) -> Iterator[Any]:
    if isinstance(outcome, MasterChange):
        yield Row(outcome.master, outcome.key, outcome.columns, outcome.version, outcome.deleted)
        yield VERSIONS, _version(outcome)
    elif isinstance(outcome, PastVersion):
        yield VERSIONS, _version(outcome.change)
    elif isinstance(outcome, Quarantine):
        place = outcome.source, outcome.row_key
        yield QUARANTINES, Row(*place, outcome.reason, outcome.field, outcome.message, outcome.version)
    else:
        columns = None if outcome.columns is None else _json(outcome.columns)
        position = f"{outcome.position:0{_POSITION_DIGITS}d}"
        yield SOURCE_ROWS, Row(outcome.source, outcome.key, outcome.master, position, outcome.version, columns)


def _version(change: MasterChange) -> Row:
    valid_from = change.version // RECORDS_PER_MILLISECOND
    return Row(change.master, change.key, change.version, valid_from, change.deleted, _json(change.columns))


def _json(columns: Mapping[str, str]) -> str:
    return msgspec.json.encode(columns).decode()
