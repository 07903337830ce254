"""A replay in its steps: judge the open letters, send what can be sent, hear what the job makes of them."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Final

from gateways.stream import Stream
from jobs.config import Config
from jobs.dead_letter_store import DeadLetterStore, Outcome, Selection
from jobs.dead_letters import RESOLVED
from jobs.lake import Lake
from jobs.replay_plan import Judged, OpenLetter, Verdict, judge, stored_ids
from local.ledger import Line
from local.records import pack_lines
from udfs.catalog import Catalog

CHUNK: Final = 1000
"""Letters that are in memory with their bytes, and asked for in a store, at once."""

LINES_PER_RECORD: Final = 50
POLL_SECONDS: Final = 0.5


class Replay:
    """A replay of the selected open letters, oldest first and at most `limit`, with `outcomes` that grow as it goes."""

    def __init__(
        self, config: Config, store: DeadLetterStore, catalog: Catalog, selection: Selection, limit: int | None
    ) -> None:
        self._config, self._store, self._catalog = config, store, catalog
        self._selection, self._limit = selection, limit
        self._lake = Lake(config)
        self._pending: dict[str, OpenLetter] = {}
        self.outcomes: Counter[tuple[str, str]] = Counter()
        """Letters by the reason that they were refused for and by what becomes of them."""

    @property
    def num_selected(self) -> int:
        return min(self._store.count(self._selection), self._limit or 1 << 62)

    @property
    def num_pending(self) -> int:
        """Letters that were sent and not answered yet."""
        return len(self._pending)

    def rehearse(self) -> None:
        """Judges the letters and sends nothing."""
        for judged in self._judged():
            self.outcomes.update(_outcome(each) for each in judged)

    def send(self) -> Iterator[int]:
        """Puts the lines on the stream, those of a device together; yields how many letters are done with.

        A letter whose messages the lake has is resolved instead. Raises Unavailable where the stream takes no more.
        """
        stream = Stream(self._config.aws, self._config.kinesis.devices)
        for judged in self._judged():
            sent = [each for each in judged if each.is_sent]
            lines = [Line(each.device_id, each.line) for each in sent]
            stream.put_all(pack_lines(lines, LINES_PER_RECORD))
            self._pending |= {each.letter.dead_letter_id: each.letter for each in sent}
            self._resolve_stored(judged)
            self.outcomes.update(_outcome(each) for each in judged if not each.is_sent)
            yield len(judged)

    def hear(self, seconds: float) -> Iterator[int]:
        """Waits for the job's answers, at most so long; yields how many letters have one more."""
        deadline = time.monotonic() + seconds
        while self._pending and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            yield sum(self._ask(chunk) for chunk in _chunks(iter(list(self._pending.values()))))
        self.outcomes.update((letter.reason, "sent, no answer yet") for letter in self._pending.values())

    def _judged(self) -> Iterator[list[Judged]]:
        for letters in _chunks(self._store.open_letters(self._selection, self._limit)):
            yield judge(letters, self._catalog, time.time_ns() // 1_000_000, partial(stored_ids, self._lake))

    def _resolve_stored(self, judged: Sequence[Judged]) -> None:
        stored = [each.letter.dead_letter_id for each in judged if each.verdict is Verdict.STORED]
        if stored:
            self._store.resolve(stored, datetime.now(UTC))

    def _ask(self, letters: Sequence[OpenLetter]) -> int:
        outcomes = self._store.outcomes([letter.dead_letter_id for letter in letters])
        answered = [letter for letter in letters if _answers(outcomes.get(letter.dead_letter_id), letter)]
        for letter in answered:
            del self._pending[letter.dead_letter_id]
            outcome = outcomes[letter.dead_letter_id]
            told = "resolved" if outcome.state == RESOLVED else f"fails again: {outcome.reason}"
            self.outcomes[letter.reason, told] += 1
        return len(answered)


def _answers(outcome: Outcome | None, letter: OpenLetter) -> bool:
    return outcome is not None and outcome.attempt > letter.attempt


def _outcome(judged: Judged) -> tuple[str, str]:
    return judged.letter.reason, f"{judged.verdict}: {judged.reason}" if judged.reason else str(judged.verdict)


def _chunks(letters: Iterator[OpenLetter]) -> Iterator[list[OpenLetter]]:
    while chunk := list(islice(letters, CHUNK)):
        yield chunk
