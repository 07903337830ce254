"""A product's section `stream`, compiled: how frames are cut, what is read of each, and what the device hears.

Header and replies are items of the spec language like any others: headers are read by them, replies are written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from udfs.contract import evaluate, expression
from udfs.cuts import FrameCutter, compile_cutter
from udfs.document import Place, suggest
from udfs.errors import SpecError, SpecErrors
from udfs.expression import Expression
from udfs.layouts.base import compile_each
from udfs.layouts.frame import Draft, Frame
from udfs.layouts.framing import literal_bytes
from udfs.layouts.items import Context, compile_items
from udfs.layouts.slots import Order
from udfs.layouts.structure import Run
from udfs.meaning import Scope
from udfs.model import ByteOrder, Item, LoginFrame, ProductDocument, Reply, StreamDocument, Strict, Value
from udfs.references import check_marks, check_names, names_asked, names_of
from udfs.walk import structs

Values = Mapping[str, Any]
"""What a header says, by name."""


@dataclass(frozen=True)
class Header:
    """What is read of a frame."""

    run: Run
    names: frozenset[str]

    def read(self, frame: bytes) -> Values:
        """Raises DecodeError."""
        reading = Frame(frame)
        self.run.read(frame, 0, reading)
        return reading.row.values


@dataclass(frozen=True)
class ReplyTemplate:
    """What is answered to frames of which `when` holds."""

    run: Run
    when: Expression | None

    def is_for(self, values: Values) -> bool:
        """Raises DecodeError where the condition cannot be computed."""
        return self.when is None or bool(evaluate(self.when, values, "when"))

    def write(self, values: Values) -> bytes:
        """Raises EncodeError for a value that does not fit, or that the frame did not have."""
        draft = Draft(values, [], {})
        draft.values = dict(values)
        self.run.write(draft)
        return bytes(draft.out)


@dataclass(frozen=True)
class Login:
    """A first frame that names the device, and what it hears."""

    cutter: FrameCutter
    header: Header
    accept: bytes
    refuse: bytes


@dataclass(frozen=True)
class StreamSpec:
    """How the devices of a product speak over a connection."""

    product: str
    is_text: bool
    cutters: tuple[FrameCutter, ...]
    filler: bytes
    header: Header | None
    device: str | None
    replies: tuple[ReplyTemplate, ...]
    login: Login | None
    repeats: Literal["new", "same"]

    def read(self, frame: bytes) -> Values:
        """What the frame's header says; raises DecodeError."""
        return self.header.read(frame) if self.header is not None else {}

    def device_of(self, values: Values) -> str | None:
        """Whom the header names."""
        named = None if self.device is None else values.get(self.device)
        return None if named is None else str(named)

    def key(self, frame: bytes) -> str | None:
        """The payload's key: the same for the same bytes, where a frame that comes again is the same payload."""
        return blake2b(frame, digest_size=16).hexdigest() if self.repeats == "same" else None

    def reply(self, values: Values) -> bytes:
        """What the device hears when the frame is safe, empty for nothing; raises DecodeError and EncodeError."""
        for reply in self.replies:
            if reply.is_for(values):
                return reply.write(values)
        return b""


def compile_stream(product: ProductDocument, stream: StreamDocument, place: Place) -> StreamSpec:
    """The section `stream` of a product; raises SpecErrors."""
    is_text = product.format != "hex"
    order = stream.byte_order
    header = _header(stream.header, place / "header", order, is_text) if stream.header else None
    login = None if stream.login is None else _login(stream.login, place / "login", order, is_text)
    known = header.names if header is not None else frozenset()
    if stream.device is not None:
        _check_device(stream.device, known | (login.header.names if login else frozenset()), place / "device")
    return StreamSpec(
        product=product.product,
        is_text=is_text,
        cutters=tuple(
            compile_each(stream.frames, place / "frames", lambda form, at: compile_cutter(form, at, is_text))
        ),
        filler=b"" if stream.filler is None else literal_bytes(stream.filler, place / "filler", is_text),
        header=header,
        device=stream.device,
        replies=tuple(
            compile_each(stream.replies, place / "replies", lambda reply, at: _reply(reply, at, order, is_text, known))
        ),
        login=login,
        repeats=stream.repeats,
    )


def _login(login: LoginFrame, place: Place, order: ByteOrder, is_text: bool) -> Login:
    def stated(text: str | None, key: str) -> bytes:
        return b"" if text is None else literal_bytes(text, place / key, is_text)

    return Login(
        cutter=compile_cutter(login.frame, place / "frame", is_text),
        header=_header(login.header, place / "header", order, is_text),
        accept=stated(login.accept, "accept"),
        refuse=stated(login.refuse, "refuse"),
    )


def _header(items: Sequence[Item], place: Place, order: ByteOrder, is_text: bool) -> Header:
    run = _compile(items, place, order, is_text)
    names = names_of(run.fields)
    check_names(names_asked(items, place), names)
    return Header(run, names)


def _reply(reply: Reply, place: Place, order: ByteOrder, is_text: bool, known: frozenset[str]) -> ReplyTemplate:
    when = None if reply.when is None else expression(reply.when, place / "when")
    if when is not None:
        check_names(dict.fromkeys(when.names, place / "when"), known)
    parts = place / "parts"
    run = _compile(reply.parts, parts, order, is_text)
    check_names(names_asked(reply.parts, parts), known | names_of(run.fields))
    _check_written(reply.parts, parts, known)
    return ReplyTemplate(run, when)


def _compile(items: Sequence[Item], place: Place, order: ByteOrder, is_text: bool) -> Run:
    check_marks(items, place)
    # No value here is part of a message: each is hidden, which needs neither unit nor place in a domain.
    return compile_items(_hidden(items), place, Context(Scope(), Order(order, "msb"), is_text))


def _hidden(node: Any) -> Any:
    if isinstance(node, list):
        return [_hidden(child) for child in node]
    if isinstance(node, dict):
        return {key: _hidden(child) for key, child in node.items()}
    if not isinstance(node, Strict):
        return node
    changed = {field.name: _hidden(getattr(node, field.name)) for field in msgspec.structs.fields(node)}
    return type(node)(**changed | ({"hidden": True} if isinstance(node, Value) else {}))


def _check_device(name: str, known: frozenset[str], place: Place) -> None:
    if name not in known:
        raise place.error(f"no header reads `{name}`{suggest(name, known)}")


def _check_written(items: Sequence[Item], place: Place, known: frozenset[str]) -> None:
    """Every value of a reply is one of the header, or says itself what it is."""
    faults: list[SpecError] = []
    for struct, at in structs(items, place):
        if isinstance(struct, Value) and struct.name not in known and struct.equals is None and struct.default is None:
            mend = suggest(struct.name, known) or ": give it `equals` or `default`"
            faults.append((at / "name").error(f"the header reads no `{struct.name}`{mend}"))
    if faults:
        raise SpecErrors(faults)
