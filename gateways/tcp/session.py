"""What is said over one connection, without a socket: bytes in, and step by step what is to be done about them.

The product is that whose frames the sender begins with, or of those on the listener the one under which the device is
registered. Once a device is known all that comes is its: what is no frame, too, which becomes a dead letter.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from gateways.tcp.framing import Framer
from udfs.cuts import FrameCutter
from udfs.errors import DecodeError, EncodeError
from udfs.message import Envelope
from udfs.stream import Login, StreamSpec

PROTOCOL: Final = "tcp"
MAX_BEFORE_LOGIN: Final = 256
"""Bytes that may be no frame before a device has said who it is."""

ProductOf = Callable[[str], str | None]
"""Under which product a device is registered, None where nobody registered it."""


class Delivery(NamedTuple):
    """A payload that goes on; when it is safe the device hears `reply`, if it is not empty. `fault` says why a header
    was not read or a reply not written."""

    envelope: Envelope
    reply: bytes
    fault: str = ""


class Greeting(NamedTuple):
    """A device has said who it is by a frame that is no payload: it hears `accept` if it may go on, else `refuse`."""

    device: str
    accept: bytes
    refuse: bytes


class Stranger(NamedTuple):
    """Bytes of a sender that nobody can name: the connection is to be closed."""

    data: bytes
    why: str


Step = Delivery | Greeting | Stranger


class Session:
    """One connection to a listener for `streams`; `device` is whose it is where no frame says so."""

    def __init__(self, streams: Sequence[StreamSpec], product_of: ProductOf, device: str | None = None) -> None:
        self._streams, self._product_of = {stream.product: stream for stream in streams}, product_of
        self._openings = [opening for stream in streams for opening in _openings(stream)]
        self._framer = Framer([opening[1] for opening in self._openings])
        self._stream: StreamSpec | None = None
        self._awaits_login: Login | None = None
        self._early: deque[bytes] = deque()
        self.device: str | None = None
        self._fixed_device = device
        if len(streams) == 1:
            self._choose(streams[0])

    @property
    def is_known(self) -> bool:
        """Whether it is known whose connection it is."""
        return (self.device or self._fixed_device) is not None

    @property
    def waiting(self) -> int:
        """Bytes that no step has come of yet."""
        return self._framer.waiting

    @property
    def pause(self) -> float:
        """Seconds without a byte after which `finish` is due, 0 where a pause says nothing."""
        return self._framer.pause

    def receive(self, data: bytes) -> None:
        self._framer.feed(data)

    def finish(self) -> None:
        """No more bytes belong to those that are there."""
        self._framer.finish()

    def step(self, received_at: int) -> Step | None:
        """The next thing to do; None while only further bytes can tell. `received_at` is epoch milliseconds."""
        if self.device is not None and self._early:
            return self._delivery(self._early.popleft(), received_at)
        piece = self._framer.next()
        if piece is None:
            too_much = self.device is None and self._framer.amiss > MAX_BEFORE_LOGIN
            return Stranger(b"", "no frame of a product of this listener") if too_much else None
        if piece.form is None:
            return self._noise(piece.data, received_at)
        if self._stream is None:
            self._choose(self._openings[piece.form][0])
        login = self._awaits_login
        return self._frame(piece.data, received_at) if login is None else self._greeting(piece.data, login)

    def _choose(self, stream: StreamSpec) -> None:
        self._stream = stream
        self._awaits_login = stream.login if self.device is None else None
        forms = stream.cutters if self._awaits_login is None else (self._awaits_login.cutter,)
        self._framer.use(forms, stream.filler)

    def _greeting(self, data: bytes, login: Login) -> Step:
        stream = self._known_stream
        try:
            named = stream.device_of(login.header.read(data))
        except DecodeError as error:
            return Stranger(data, f"its login cannot be read: {error}")
        if named is None:
            return Stranger(data, "its login names no device")
        self._identify(named)
        return Greeting(named, login.accept, login.refuse)

    def _frame(self, data: bytes, received_at: int) -> Step:
        stream, reply, fault = self._known_stream, b"", ""
        try:
            values = stream.read(data)
            named = stream.device_of(values) or self.device or self._fixed_device
            reply = stream.reply(values)
        except (DecodeError, EncodeError) as error:
            named, fault = self.device or self._fixed_device, str(error)
        if named is None:
            return Stranger(data, fault or "it has not said which device it is")
        if named != self.device:
            self._identify(named)
        return self._delivery(data, received_at, reply, fault)

    def _identify(self, device: str) -> None:
        self.device = device
        registered = self._streams.get(self._product_of(device) or "", self._known_stream)
        if registered is not self._stream or self._awaits_login is not None:
            self._choose(registered)

    def _noise(self, data: bytes, received_at: int) -> Step | None:
        if self.device is None and self._fixed_device is not None:
            self._identify(self._fixed_device)
        if self.device is not None:
            return self._delivery(data, received_at)
        self._early.append(data)
        if sum(map(len, self._early)) > MAX_BEFORE_LOGIN:
            return Stranger(data, "no frame of a product of this listener")
        return self.step(received_at)

    def _delivery(self, data: bytes, received_at: int, reply: bytes = b"", fault: str = "") -> Delivery:
        stream = self._known_stream
        payload, stated = payload_text(data, stream.is_text)
        envelope = Envelope(
            product=stream.product,
            device=self.device or "",
            protocol=PROTOCOL,
            received_at=received_at,
            payload=payload,
            format=stated,
            key=stream.key(data),
        )
        return Delivery(envelope, reply, fault)

    @property
    def _known_stream(self) -> StreamSpec:
        return self._stream or next(iter(self._streams.values()))


def payload_text(data: bytes, is_text: bool) -> tuple[str, str | None]:
    """The payload as an envelope has it, and the format to state where it is not the product's: bytes that are no text
    go on as hex, which a product of texts refuses, and so they are kept byte for byte."""
    if not is_text:
        return data.hex(), None
    try:
        return data.decode(), None
    except UnicodeDecodeError:
        return data.hex(), "hex"


def _openings(stream: StreamSpec) -> list[tuple[StreamSpec, FrameCutter]]:
    cutters = stream.cutters if stream.login is None else (stream.login.cutter,)
    return [(stream, cutter) for cutter in cutters]
