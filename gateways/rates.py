"""How fast one sender may send: a leaky bucket each, of those that were heard of last."""

from collections import OrderedDict
from typing import Final

from aiolimiter import AsyncLimiter

MAX_SENDERS: Final = 100_000


class Rates:
    """`per_second` payloads of each sender, and as many at once; senders beyond MAX_SENDERS push out the oldest."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._buckets: OrderedDict[str, AsyncLimiter] = OrderedDict()

    async def wait(self, sender: str) -> None:
        """Returns when the sender may send its next payload."""
        await self._bucket(sender).acquire()

    async def take(self, sender: str) -> bool:
        """Whether the sender may send now; if so, it has."""
        bucket = self._bucket(sender)
        if not bucket.has_capacity():
            return False
        await bucket.acquire()  # at once, since there is room
        return True

    def _bucket(self, sender: str) -> AsyncLimiter:
        bucket = self._buckets.get(sender)
        if bucket is None:
            bucket = self._buckets[sender] = AsyncLimiter(max(1.0, self._per_second), max(1.0, 1 / self._per_second))
            if len(self._buckets) > MAX_SENDERS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(sender)
        return bucket
