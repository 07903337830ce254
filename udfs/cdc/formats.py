"""Capture records: which format one has is told by its shape.

One JSON object a record, in whichever format the source's capture writes.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from udfs.cdc.change import CdcError, RowChange, TableChange
from udfs.cdc.debezium import is_debezium, read_debezium
from udfs.cdc.dms import is_dms, read_dms
from udfs.cdc.dynamodb import is_dynamodb, read_dynamodb
from udfs.cdc.mongodb import is_mongodb, read_mongodb

_FORMATS: Final[tuple[tuple[Callable[[dict[str, Any]], bool], Callable[[dict[str, Any]], Any]], ...]] = (
    (is_dms, read_dms),
    (is_debezium, read_debezium),
    (is_mongodb, read_mongodb),
    (is_dynamodb, read_dynamodb),
)


def read_changes(record: bytes) -> list[RowChange | TableChange]:
    """The changes in a record, mostly one; raises CdcError."""
    document = _parse(record)
    if document is None:  # a tombstone behind a deletion
        return []
    for recognises, read in _FORMATS:
        if recognises(document):
            changes: list[RowChange | TableChange] = read(document)
            return changes
    found = ", ".join(list(document)[:6]) or "nothing"
    known = "DMS (metadata), Debezium (op, source), MongoDB (operationType), DynamoDB (eventName, dynamodb)"
    raise CdcError("bad_cdc", f"no known capture format: the record has {found}; known are {known}")


def _parse(record: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(record, type=dict[str, Any] | None)
    except msgspec.DecodeError as error:
        raise CdcError("bad_cdc", f"not a capture record: {error}") from error
    except UnicodeDecodeError as error:
        raise CdcError("bad_cdc", f"not UTF-8 text: {error}") from error
    except RecursionError as error:
        raise CdcError("bad_cdc", "not a capture record: lists or objects stand too deep in one another") from error
