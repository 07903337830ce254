"""What every layout's decoder is, and what they share: hex payloads and faults collected over all fields."""

from binascii import Error as HexFault
from binascii import unhexlify
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from udfs.document import Place
from udfs.errors import DecodeError, SpecError, SpecErrors
from udfs.layouts.frame import Span
from udfs.meaning import Field
from udfs.row import Readings, Row

T = TypeVar("T")
R = TypeVar("R")


class Decoder(Protocol):
    """A compiled layout."""

    @property
    def fields(self) -> Sequence[Field]:
        """Every field, in the spec's order."""

    def decode(self, payload: str) -> list[Row]:
        """The rows of a payload; raises DecodeError and nothing else."""

    def encode(self, readings: Sequence[Readings]) -> str:
        """The payload of these readings, one mapping a row; raises EncodeError."""

    def payload_bytes(self, payload: str) -> bytes:
        """The bytes that were on the wire; raises DecodeError."""

    def explain(self, payload: str, spans: list[Span]) -> None:
        """Adds what each part of the payload is, up to where it is refused; raises DecodeError."""

    def canonical(self, payload: str) -> str:
        """The payload without what the spec calls optional, as `encode` writes it."""


def parse_hex(payload: str) -> bytes:
    """The bytes of a hex payload; raises DecodeError bad_hex with the byte at which it ends to be hex."""
    try:
        return unhexlify(payload)
    except (HexFault, ValueError):
        raise _bad_hex(payload) from None


def utf8(payload: str) -> bytes:
    """The bytes of a text payload; raises DecodeError bad_value for what is no text (lone surrogates)."""
    try:
        return payload.encode()
    except UnicodeEncodeError as fault:
        offset = len(payload[: fault.start].encode())
        raise DecodeError("bad_value", "the payload is no Unicode text", byte_offset=offset) from None


def byte_view(payload: str) -> str:
    """The payload with one character for each of its UTF-8 bytes, so that an index is a byte offset."""
    return payload if payload.isascii() else utf8(payload).decode("latin-1")


def from_view(view: str) -> str:
    """The text that a piece of a byte view stands for; raises ValueError where a cut went through a character."""
    return view if view.isascii() else view.encode("latin-1").decode()


def refuse_repeated_names(names: Iterable[str], place: Place) -> None:
    """Raises SpecError where two fields have one name."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            raise (place / index / "name").error(f"field name `{name}` is taken already")
        seen.add(name)


def compile_each(items: Iterable[T], place: Place, compile_one: Callable[[T, Place], R]) -> list[R]:
    """Every item compiled at its own place; raises SpecErrors with the faults of all of them."""
    return compile_placed([(item, place / index) for index, item in enumerate(items)], compile_one)


def compile_placed(items: Iterable[tuple[T, Place]], compile_one: Callable[[T, Place], R]) -> list[R]:
    """As `compile_each` for items that know their places."""
    compiled: list[R] = []
    errors: list[SpecError] = []
    for item, place in items:
        try:
            compiled.append(compile_one(item, place))
        except SpecErrors as several:
            errors.extend(several.errors)
        except SpecError as error:
            errors.append(error)
    if errors:
        raise SpecErrors(errors)
    return compiled


def _bad_hex(payload: str) -> DecodeError:
    for index, digit in enumerate(payload):
        if digit not in "0123456789abcdefABCDEF":
            return DecodeError("bad_hex", f"{digit!r} at character {index} is no hex digit", byte_offset=index // 2)
    message = f"odd number of hex digits: {len(payload)}"
    return DecodeError("bad_hex", message, byte_offset=len(payload) // 2, bit_offset=len(payload) * 4)
