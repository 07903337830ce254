"""End-to-end latency: from the gateway's `received_at` until the message can be read from the hot store.

A sixteenth of the messages (ids are hashes) is followed by the store's change stream.
"""

import threading
import time
from collections import deque
from typing import Any, Final

from pymongo import MongoClient
from pymongo.errors import PyMongoError

WINDOW: Final = 2000
"""Latencies that the percentiles look back on."""
_SAMPLE: Final[list[dict[str, Any]]] = [
    {"$match": {"documentKey._id": {"$regex": "^0"}}},
    {"$project": {"fullDocument.received_at": 1, "fullDocument.product": 1}},
]
# Files and late readings carry a receipt of minutes ago by their nature; they say nothing of the job.
_MAX_SECONDS: Final = 60.0


class LatencyProbe:
    """Follows the hot messages in a thread of its own until `stop`."""

    def __init__(self, uri: str, database: str) -> None:
        self._uri, self._database = uri, database
        self._seconds: deque[float] = deque(maxlen=WINDOW)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="latency", daemon=True)
        self.fault: str | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(timeout=5)

    def percentile(self, percent: float) -> float | None:
        """Seconds; None while nothing was seen."""
        seconds = sorted(self._seconds)
        return seconds[min(len(seconds) - 1, int(len(seconds) * percent / 100))] if seconds else None

    def _follow(self) -> None:
        try:
            with MongoClient[dict[str, object]](self._uri, tz_aware=True) as client:
                messages = client[self._database]["messages"]
                with messages.watch(_SAMPLE, full_document="updateLookup", max_await_time_ms=500) as stream:
                    while not self._stopped.is_set():
                        change = stream.try_next()
                        if change is not None:
                            self._observe(change)
        except PyMongoError as error:
            self.fault = str(error)

    def _observe(self, change: dict[str, object]) -> None:
        document = change.get("fullDocument")
        if isinstance(document, dict) and "received_at" in document:
            seconds = time.time() - document["received_at"].timestamp()
            if seconds < _MAX_SECONDS:
                self._seconds.append(seconds)
