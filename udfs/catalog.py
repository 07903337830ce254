"""The catalog: every product that the specs describe, compiled from their texts.

Texts travel to the workers of a cluster and are compiled there; compiled decoders hold closures and stay.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from udfs.batch import MIN_PAYLOADS, BatchDecoder, batch_decoder, rows_of
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
    """All compiled products by name, and the devices' readings before, against which steps are judged.

    `texts` is what they were compiled from: another process makes its own catalog of it.
    """

    def __init__(self, products: Mapping[str, ProductSpec], texts: Mapping[str, str] = MappingProxyType({})) -> None:
        self.products: Mapping[str, ProductSpec] = MappingProxyType(dict(products))
        self.texts = texts
        self._before = Predecessors()
        self._batch_decoders = {
            id(route.decoder): batch_decoder(route.decoder)
            for spec in self.products.values()
            for route in (spec.routes if spec.is_plain else ())
        }

    def decode(self, envelope: Envelope) -> list[Message]:
        """The messages in the envelope's payload, at least one; raises DecodeError and nothing else."""
        product = self.products.get(envelope.product)
        if product is None:
            raise self._unknown_product(envelope)
        return product.decode(envelope, self._before)

    def decode_all(self, envelopes: Sequence[Envelope]) -> list[list[Message] | DecodeError]:
        """What `decode` gives or raises for each envelope, many payloads of a layout at once where that is faster."""
        outcomes: dict[int, list[Message] | DecodeError] = {}
        groups: dict[int, list[int]] = defaultdict(list)
        if len(envelopes) >= MIN_PAYLOADS:
            for index, envelope in enumerate(envelopes):
                spec = self.products.get(envelope.product)
                if spec is not None and spec.is_plain and (decoder := spec.decoder_or_none(envelope)) is not None:
                    groups[id(decoder)].append(index)
        for decoder_id, indexes in groups.items():
            batch = self._batch_decoders[decoder_id]
            if batch is not None and len(indexes) >= MIN_PAYLOADS:
                self._decode_batches(batch, envelopes, indexes, outcomes)
        return [
            outcomes[index] if index in outcomes else self._outcome(envelope)
            for index, envelope in enumerate(envelopes)
        ]

    def _decode_batches(
        self,
        batch_decoder: BatchDecoder,
        envelopes: Sequence[Envelope],
        indexes: Sequence[int],
        outcomes: dict[int, list[Message] | DecodeError],
    ) -> None:
        """Decodes what the batch engine vouches for."""
        spec = self.products[envelopes[indexes[0]].product]
        for batch in batch_decoder.decode([envelopes[index].payload for index in indexes]):
            rows = rows_of(batch.columns)
            for position, row, is_sound in zip(batch.indexes, rows, batch.columns.sound.tolist(), strict=True):
                if is_sound:
                    index = indexes[position]
                    try:
                        outcomes[index] = spec.messages(envelopes[index], [row], self._before)
                    except DecodeError:
                        continue  # the row engine tells it with all its particulars

    def _outcome(self, envelope: Envelope) -> list[Message] | DecodeError:
        try:
            return self.decode(envelope)
        except DecodeError as error:
            return error

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
    return Catalog(products, MappingProxyType(dict(texts)))


def _all(error: SpecError) -> Sequence[SpecError]:
    return error.errors if isinstance(error, SpecErrors) else [error]
