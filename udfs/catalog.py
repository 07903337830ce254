"""The catalog: every product that the specs describe, compiled from their texts.

Texts travel to the workers of a cluster and are compiled there; compiled decoders hold closures and stay where they are.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from udfs.message import Envelope, Message
from udfs.product import ProductSpec

Value = float | int | str | bool


class Catalog:
    """All compiled products by name."""

    products: Mapping[str, ProductSpec]

    def decode(self, envelope: Envelope) -> list[Message]:
        """The messages in the envelope's payload; raises DecodeError and nothing else."""
        raise NotImplementedError

    def encode(self, product: str, readings: Sequence[Mapping[str, Value]]) -> str:
        """The payload that decodes to these readings, one mapping a message; raises EncodeError."""
        raise NotImplementedError


def read_specs(directory: Path) -> dict[str, str]:
    """The texts of products/*.yaml and domains/*.yaml under `directory`, by relative file name."""
    names = sorted([*directory.glob("products/*.yaml"), *directory.glob("domains/*.yaml")])
    return {path.relative_to(directory).as_posix(): path.read_text(encoding="utf-8") for path in names}


def compile_catalog(texts: Mapping[str, str]) -> Catalog:
    """The catalog of these spec texts; raises SpecErrors, which holds every fault of every file."""
    raise NotImplementedError
