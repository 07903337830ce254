"""MongoDB and DocumentDB: documents as they stand, then every event of the change stream.

The stream's token comes before the first documents are read, and is stored when Kinesis has what came before it. What
is put twice after a crash has the cluster time that it had before, so the job passes it over.
"""

import time
from itertools import islice
from typing import Any, Final

from bson import Timestamp, json_util
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from gateways.relays.errors import RelayError
from gateways.relays.positions import Positions
from gateways.stream import Keyed, Stream

EVENTS_AT_ONCE: Final = 1_000
WAIT_MS: Final = 500
_HISTORY_LOST: Final = 286

Document = dict[str, Any]


class MongoRelay:
    """Captures `collections` (database.collection, all of one database) behind `uri`."""

    def __init__(self, name: str, uri: str, collections: list[str], positions: Positions, stream: Stream) -> None:
        databases = {collection.partition(".")[0] for collection in collections}
        if len(databases) != 1:
            raise RelayError(name, f"one relay watches one database, these are {', '.join(sorted(databases))}")
        self._name, self._positions, self._stream = name, positions, stream
        self._collections = [collection.partition(".")[2] for collection in collections]
        self._client: MongoClient[Document] = MongoClient(uri)
        self._database: Database[Document] = self._client[databases.pop()]

    def start(self) -> None:
        """Loads the collections unless that was done; raises RelayError."""
        if self._positions.read(self._name) is not None:
            return
        with self._database.watch(self._pipeline(), max_await_time_ms=WAIT_MS) as stream:
            stream.try_next()
            token = stream.resume_token
        if token is None:
            raise RelayError(self._name, "the server gives no resume token: change streams need a replica set")
        began = Timestamp(int(time.time()) - 1, 0)
        for collection in self._collections:
            documents = self._database[collection].find()
            while batch := list(islice(documents, EVENTS_AT_ONCE)):
                self._stream.put_all([_keyed(_loaded(self._database.name, collection, each, began)) for each in batch])
        self._positions.write(self._name, json_util.dumps(token))

    def step(self) -> int:
        """Puts what has happened since, stores how far that is, and says how many events it was."""
        token = json_util.loads(self._positions.read(self._name) or "null")
        events: list[Document] = []
        try:
            with self._database.watch(
                self._pipeline(), "updateLookup", resume_after=token, max_await_time_ms=WAIT_MS
            ) as stream:
                while len(events) < EVENTS_AT_ONCE and (event := stream.try_next()) is not None:
                    events.append(dict(event))
        except OperationFailure as error:
            if error.code == _HISTORY_LOST:
                mend = f"delete its row `{self._name}` from relay_position, then it loads the collections again"
                raise RelayError(
                    self._name, f"the server has forgotten what came since the last event: {mend}"
                ) from error
            raise
        if events:
            self._stream.put_all([_keyed(event) for event in events])
            self._positions.write(self._name, json_util.dumps(events[-1]["_id"]))
        return len(events)

    def _pipeline(self) -> list[Document]:
        return [{"$match": {"ns.coll": {"$in": self._collections}}}]


def _loaded(database: str, collection: str, document: Document, began: Timestamp) -> Document:
    """A document of the full load as an event of the moment before it began."""
    return {
        "operationType": "insert",
        "clusterTime": began,
        "ns": {"db": database, "coll": collection},
        "documentKey": {"_id": document["_id"]},
        "fullDocument": document,
    }


def _keyed(event: Document) -> Keyed:
    text = json_util.dumps(event, json_options=json_util.RELAXED_JSON_OPTIONS)
    return f"{event['ns']['db']}.{event['ns']['coll']}.{event.get('documentKey', {}).get('_id')}", text.encode()
