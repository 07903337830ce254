"""Records onto a Kinesis stream: all of them, in order within a partition key, or an error."""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Final

from gateways.errors import Unavailable
from gateways.stream import MAX_CALL_BYTES, MAX_RECORDS, Keyed, Stream
from jobs.config import Config

MAX_ATTEMPTS: Final = 12
FIRST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class Producer:
    """Puts records onto the stream of master data."""

    def __init__(self, config: Config) -> None:
        self._stream = Stream(config.aws, config.kinesis.masters)

    def put(self, records: Sequence[Keyed]) -> None:
        """Returns when Kinesis has all of them; raises Unavailable where it goes on refusing."""
        for batch in _batches(records):
            self._put_batch(batch)

    def _put_batch(self, batch: list[Keyed]) -> None:
        pause = FIRST_PAUSE_SECONDS
        for _ in range(MAX_ATTEMPTS):
            outcomes = self._stream.put(batch)
            # What is refused goes with all behind it, so that no row's changes overtake one another.
            first = next((place for place, error in enumerate(outcomes) if error is not None), None)
            if first is None:
                return
            batch = batch[first:]
            _log.warning("%s refused %d records (%s)", self._stream.name, len(batch), outcomes[first])
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        message = f"Kinesis {self._stream.name} refused {len(batch)} records {MAX_ATTEMPTS} times"
        raise Unavailable(f"{message}: is it there, and has it enough shards?")


def _batches(records: Sequence[Keyed]) -> Iterator[list[Keyed]]:
    batch: list[Keyed] = []
    size = 0
    for key, data in records:
        if batch and (len(batch) == MAX_RECORDS or size + len(data) > MAX_CALL_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((key, data))
        size += len(data)
    if batch:
        yield batch
