"""Dead letters as DocumentDB has them: one document a letter, as its newest attempt left it. Searched, and resolved."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from pymongo import MongoClient

from jobs.config import DocumentDb
from jobs.dead_letters import OPEN, RESOLVED, State
from jobs.replay_plan import OpenLetter

COLLECTION: Final = "dead_letters"
_REPLAYED: Final = ("stream", "reason", "attempt", "first_seen", "raw")
_LISTED: Final = ("first_seen", "state", "attempt", "product", "device_id", "reason", "message")


@dataclass(frozen=True)
class Selection:
    """Which letters: all that is None selects nothing away; `since` is the earliest first_seen."""

    product: str | None = None
    reason: str | None = None
    since: datetime | None = None
    state: State | None = None

    @property
    def filter(self) -> dict[str, Any]:
        exact = {"product": self.product, "reason": self.reason, "state": self.state}
        chosen: dict[str, Any] = {name: value for name, value in exact.items() if value is not None}
        return chosen | ({"first_seen": {"$gte": self.since}} if self.since else {})


class Count(NamedTuple):
    """The letters of a product (None: the line named none) and reason; both times are of first arrivals."""

    product: str | None
    reason: str
    open: int
    resolved: int
    first_seen: datetime
    last_seen: datetime


class Outcome(NamedTuple):
    """What the newest attempt at a letter came to; `reason` is the one it was refused for last."""

    attempt: int
    state: State
    reason: str


class DeadLetterStore:
    """The collection of one deployment; times are aware, in UTC."""

    def __init__(self, documentdb: DocumentDb) -> None:
        self._client: MongoClient[dict[str, Any]] = MongoClient(documentdb.uri, tz_aware=True)
        self._letters = self._client[documentdb.database][COLLECTION]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def counts(self, selection: Selection) -> list[Count]:
        """By product and reason, most letters first."""
        group = {
            "_id": {"product": "$product", "reason": "$reason"},
            "open": {"$sum": {"$cond": [{"$eq": ["$state", OPEN]}, 1, 0]}},
            "resolved": {"$sum": {"$cond": [{"$eq": ["$state", RESOLVED]}, 1, 0]}},
            "first_seen": {"$min": "$first_seen"},
            "last_seen": {"$max": "$first_seen"},
        }
        rows = list(self._letters.aggregate([{"$match": selection.filter}, {"$group": group}]))
        counts = [Count(**row.pop("_id"), **row) for row in rows]
        return sorted(counts, key=lambda count: (-count.open - count.resolved, count.product or "", count.reason))

    def newest(self, selection: Selection, limit: int) -> list[dict[str, Any]]:
        """The last `limit` letters by first arrival, newest first: `_id` and what a list shows."""
        found = self._letters.find(selection.filter, _LISTED).sort("first_seen", -1)
        return list(found.limit(limit)) if limit else []

    def find(self, dead_letter_id: str) -> dict[str, Any] | None:
        """The whole document."""
        return self._letters.find_one({"_id": dead_letter_id})

    def count(self, selection: Selection) -> int:
        return self._letters.count_documents(selection.filter)

    def count_without_product(self, selection: Selection) -> int:
        """Letters of the same selection whose lines named no product."""
        return self._letters.count_documents(selection.filter | {"product": None})

    def open_letters(self, selection: Selection, limit: int | None = None) -> Iterator[OpenLetter]:
        """The selected letters, oldest first; all of them without a limit."""
        found = self._letters.find(selection.filter | {"state": OPEN}, _REPLAYED).sort("first_seen", 1)
        for document in found.limit(limit or 0):
            moment: datetime = document.pop("first_seen")
            first_seen = round(moment.timestamp() * 1000)
            yield OpenLetter(document.pop("_id"), first_seen=first_seen, **document)

    def outcomes(self, dead_letter_ids: Sequence[str]) -> Mapping[str, Outcome]:
        found = self._letters.find({"_id": {"$in": list(dead_letter_ids)}}, Outcome._fields)
        return {document.pop("_id"): Outcome(**document) for document in found}

    def resolve(self, dead_letter_ids: Sequence[str], now: datetime) -> None:
        """Closes open letters without an attempt: their messages are stored already."""
        ended = {"state": RESOLVED, "message": "its messages were stored already", "attempted_at": now}
        self._letters.update_many({"_id": {"$in": list(dead_letter_ids)}, "state": OPEN}, {"$set": ended})
