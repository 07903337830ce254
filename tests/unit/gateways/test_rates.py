"""Each sender has a rate of its own."""

import asyncio

from gateways import rates
from gateways.rates import Rates


def test_a_sender_may_send_as_many_at_once_as_in_a_second() -> None:
    async def body() -> list[bool]:
        limits = Rates(per_second=3)
        return [await limits.take("10.0.0.1") for _ in range(5)] + [await limits.take("10.0.0.2")]

    assert asyncio.run(body()) == [True, True, True, False, False, True]


def test_waiting_ends_when_the_bucket_has_leaked() -> None:
    async def body() -> bool:
        limits = Rates(per_second=200)
        while await limits.take("a"):
            pass
        async with asyncio.timeout(10):
            await limits.wait("a")
        return True

    assert asyncio.run(body())


def test_senders_heard_of_long_ago_are_forgotten(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(rates, "MAX_SENDERS", 2)

    async def body() -> list[bool]:
        limits = Rates(per_second=1)
        return [await limits.take(sender) for sender in ("a", "b", "b", "c", "a")]

    assert asyncio.run(body()) == [True, True, False, True, True]
