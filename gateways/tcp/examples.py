"""The examples of a spec's section `stream`, run through a session as the gateway does."""

from dataclasses import dataclass
from typing import Any

from gateways.tcp.session import Delivery, Greeting, Session, Stranger
from udfs.examples import Difference
from udfs.model import StreamExample
from udfs.product import ProductSpec
from udfs.stream import StreamSpec


@dataclass(frozen=True)
class StreamResult:
    """An example that was run; it passed if nothing differs."""

    product: str
    title: str
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        return not self.differences


@dataclass
class Exchange:
    """What came of the bytes of an example."""

    payloads: list[str]
    replies: list[bytes]
    device: str = ""
    stranger: str = ""


def run_stream_examples(product: ProductSpec) -> list[StreamResult]:
    """Every example of the section, in the file's order; none where the product has no such section."""
    stream, section = product.stream, product.document.stream
    if stream is None or section is None:
        return []
    return [
        StreamResult(product.product, example.title or f"stream example {number}", tuple(_differences(stream, example)))
        for number, example in enumerate(section.examples, 1)
    ]


def exchange(stream: StreamSpec, sent: bytes, segment: int) -> Exchange:
    """What comes of bytes that arrive in segments of this size."""
    session, found = Session([stream], lambda device: None), Exchange([], [])
    for begin in range(0, len(sent), segment):
        session.receive(sent[begin : begin + segment])
        _take(session, found)
    session.finish()
    _take(session, found)
    return found


def _take(session: Session, found: Exchange) -> None:
    while not found.stranger and (step := session.step(0)) is not None:
        match step:
            case Delivery(envelope, reply, _):
                found.device = envelope.device
                found.payloads.append(envelope.payload)
                found.replies += [reply] if reply else []
            case Greeting(device, accept, _):
                found.device = device
                found.replies += [accept] if accept else []
            case Stranger(_, why):
                found.stranger = why


def _differences(stream: StreamSpec, example: StreamExample) -> list[Difference]:
    sent = example.sent.encode() if stream.is_text else bytes.fromhex(example.sent)
    at_once, bytewise = exchange(stream, sent, len(sent)), exchange(stream, sent, 1)
    found = [
        _difference("stranger", "", at_once.stranger),
        _difference("device", example.device, at_once.device),
        _difference("payloads", example.payloads, at_once.payloads),
        _difference("replies", example.replies, [_shown(reply, stream) for reply in at_once.replies]),
        _difference("byte by byte", at_once, bytewise),
    ]
    return [difference for difference in found if difference is not None]


def _difference(what: str, expected: Any, got: Any) -> Difference | None:
    return None if expected == got else Difference(what, str(expected), str(got))


def _shown(reply: bytes, stream: StreamSpec) -> str:
    return reply.decode() if stream.is_text else reply.hex()
