"""Master data: CDC record → unified change. The changes go two ways: upserts to Aurora, and the broadcast to decode."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pyflink.common import Row
from pyflink.datastream import OutputTag, ProcessFunction, RuntimeContext

from jobs import rows
from jobs.dead_letters import dead_letter
from jobs.ingest import Record, split_record
from udfs.masters import MasterError, compile_masters

STREAM: Final = "master-cdc"
DEAD_LETTERS: Final = OutputTag("master-dead-letters", rows.DEAD_LETTER)

_log = logging.getLogger(__name__)


class NormaliseMaster(ProcessFunction):  # type: ignore[misc]
    """DMS records → rows.MASTER_CHANGE; what cannot be applied goes to the dead letters, never half."""

    def __init__(self, masters: Mapping[str, str]) -> None:
        self._masters = masters

    def open(self, runtime_context: RuntimeContext) -> None:
        self._catalog = compile_masters(self._masters)

    def process_element(self, value: Row, ctx: ProcessFunction.Context) -> Iterator[Any]:
        record = Record(*value)
        for line in split_record(record.data):
            try:
                change = self._catalog.change(line.data)
            except MasterError as error:
                yield DEAD_LETTERS, Row(*dead_letter(STREAM, record, line, None, error))
                continue
            except Exception as error:
                _log.exception("%s, sequence number %s", record.shard_id, record.sequence_number)
                yield DEAD_LETTERS, Row(*dead_letter(STREAM, record, line, None, error))
                continue
            if change is not None:
                yield Row(change.master, change.key, change.columns, change.version, change.deleted)
