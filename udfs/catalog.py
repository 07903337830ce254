"""The catalog: every product that the specs describe, compiled from their texts.

Texts travel to the workers of a cluster and are compiled there; compiled decoders hold closures and stay.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from udfs.compiler import compile_domain, compile_product
from udfs.document import suggest
from udfs.errors import DecodeError, EncodeError, SpecError, SpecErrors
from udfs.excerpt import text_excerpt
from udfs.message import Envelope, Message
from udfs.model import DomainDocument
from udfs.product import ProductSpec
from udfs.row import Readings
from udfs.steps import Predecessors


class Catalog:
    """All compiled products by name, and the devices' readings before, against which steps are judged."""

    def __init__(self, products: Mapping[str, ProductSpec]) -> None:
        self.products: Mapping[str, ProductSpec] = MappingProxyType(dict(products))
        self._before = Predecessors()

    def decode(self, envelope: Envelope) -> list[Message]:
        """The messages in the envelope's payload, at least one; raises DecodeError and nothing else."""
        product = self.products.get(envelope.product)
        if product is None:
            raise self._unknown_product(envelope)
        return product.decode(envelope, self._before)

    def encode(self, product: str, readings: Sequence[Readings]) -> str:
        """The payload that decodes to these readings, one mapping a message; raises EncodeError."""
        spec = self.products.get(product)
        if spec is None:
            raise EncodeError(f"no product `{product}` in the specs{suggest(product, self.products)}")
        return spec.encode(readings)

    def _unknown_product(self, envelope: Envelope) -> DecodeError:
        name = envelope.product
        return DecodeError(
            "unknown_product",
            f"no product `{name}` in the specs{suggest(name, self.products)}",
            product=name,
            excerpt=text_excerpt(envelope.payload[:64].encode("utf-8", "surrogatepass"), 0).text,
        )


def read_specs(directory: Path) -> dict[str, str]:
    """The texts of products/*.yaml and domains/*.yaml under `directory`, by relative file name."""
    names = sorted([*directory.glob("products/*.yaml"), *directory.glob("domains/*.yaml")])
    return {path.relative_to(directory).as_posix(): path.read_text(encoding="utf-8") for path in names}


def compile_catalog(texts: Mapping[str, str]) -> Catalog:
    """The catalog of these spec texts; raises SpecErrors, which holds every fault of every file."""
    errors: list[SpecError] = []
    domains: dict[str, DomainDocument] = {}
    products: dict[str, ProductSpec] = {}
    for file in sorted(texts):
        if file.startswith("domains/"):
            try:
                domain = compile_domain(file, texts[file])
                domains[domain.domain] = domain
            except SpecError as error:
                errors.extend(_all(error))
    for file in sorted(texts):
        if file.startswith("products/"):
            try:
                product = compile_product(file, texts[file], domains)
                products[product.product] = product
            except SpecError as error:
                errors.extend(_all(error))
    if errors:
        raise SpecErrors(errors)
    return Catalog(products)


def _all(error: SpecError) -> Sequence[SpecError]:
    return error.errors if isinstance(error, SpecErrors) else [error]
