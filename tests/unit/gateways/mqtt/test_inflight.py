"""Deliveries: acknowledged in the order of their arrival, once durable, and recognised when they come again."""

from hypothesis import given
from hypothesis import strategies as st

from gateways.mqtt.inflight import Delivery, Inflight, Publish


def publish(packet_id: int, payload: bytes = b"x", *, again: bool = False, qos: int = 1) -> Publish:
    return Publish(packet_id, qos, again, "fleet/p/d/up", payload, {}, 1_767_600_000_000)


class Broker:
    """What it was told."""

    def __init__(self) -> None:
        self.acknowledged: list[int] = []
        self.inflight = Inflight(self.acknowledged.append)

    def sends(self, *publishes: Publish) -> list[Delivery | None]:
        return [self.inflight.arrive(each) for each in publishes]

    def settle(self, *deliveries: Delivery | None) -> None:
        for delivery in deliveries:
            assert delivery is not None
            self.inflight.settle(delivery)


def test_nothing_is_acknowledged_before_what_came_earlier() -> None:
    broker = Broker()
    first, second, third = broker.sends(publish(1), publish(2), publish(3))
    broker.settle(third, second)
    assert broker.acknowledged == []
    broker.settle(first)
    assert broker.acknowledged == [1, 2, 3]


def test_qos_0_is_counted_but_nobody_waits_for_it() -> None:
    broker = Broker()
    hurried, proper = broker.sends(publish(0, qos=0), publish(7))
    assert broker.inflight.num_unsettled == 2
    broker.settle(proper)
    assert broker.acknowledged == [7]
    broker.settle(hurried)
    assert (broker.acknowledged, broker.inflight.num_unsettled) == ([7], 0)


def test_what_becomes_durable_after_the_connection_is_acknowledged_on_the_next() -> None:
    broker = Broker()
    first, second = broker.sends(publish(1, b"a"), publish(2, b"b"))
    broker.inflight.detach()
    broker.settle(first)
    assert broker.acknowledged == []
    assert broker.sends(publish(1, b"a", again=True), publish(2, b"b", again=True)) == [None, None]
    assert broker.acknowledged == [1]
    broker.settle(second)
    assert broker.acknowledged == [1, 2]


def test_an_id_that_the_broker_gave_to_another_payload_is_a_new_delivery() -> None:
    broker = Broker()
    [old] = broker.sends(publish(1, b"a"))
    broker.inflight.detach()
    other, same = broker.sends(publish(1, b"b", again=True), publish(1, b"a"))
    assert other is not None
    assert same is not None
    broker.settle(old)
    assert broker.acknowledged == []


def test_without_a_session_nothing_is_recognised() -> None:
    broker = Broker()
    broker.sends(publish(1, b"a"))
    broker.inflight.detach()
    broker.inflight.forget()
    [again] = broker.sends(publish(1, b"a", again=True))
    assert again is not None


@given(st.lists(st.integers(0, 30), max_size=30), st.integers(1, 30))
def test_acknowledgements_are_the_arrivals_in_order_up_to_the_first_unsettled(order: list[int], count: int) -> None:
    broker = Broker()
    deliveries = broker.sends(*(publish(number + 1, b"%d" % number) for number in range(count)))
    settled = [place for place in dict.fromkeys(order) if place < count]
    for place in settled:
        broker.settle(deliveries[place])
    open_ = [place for place in range(count) if place not in settled]
    assert broker.acknowledged == list(range(1, (open_[0] if open_ else count) + 1))
    assert broker.inflight.num_unsettled == len(open_)
