"""Releases: what each version of a product promised to those who read its messages, kept in specs/versions.

A file is named by its product. A version that is locked never changes: what a spec states otherwise than its newest
release needs a higher `version`. Titles, docs, sources and examples are free.
"""

import json
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import msgspec

from udfs.column import Column
from udfs.errors import SluiceError
from udfs.model import ITEM, Meaning, Strict
from udfs.named_by_value import values_in
from udfs.product import ProductSpec
from udfs.walk import structs

FOLDER: Final = "versions"
_FREE: Final = frozenset({"doc", "title", "source", "examples", "version", "lossy"})
"""What may change without another meaning; nor has the section `stream` one, which says how payloads arrive."""


class ReleaseError(SluiceError):
    """A spec and its releases do not agree; `product` names them."""

    def __init__(self, message: str, *, product: str) -> None:
        self.message, self.product = message, product
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.product}: {self.message}"

    def __reduce__(self) -> tuple[object, ...]:
        return _release_error, (self.message, self.product)


class ReleasedColumn(msgspec.Struct, frozen=True, omit_defaults=True):
    """A column of a typed view; `stated` is what the spec says of each field that fills it."""

    domain: str
    name: str
    kind: str
    unit: str = ""
    stated: list[dict[str, Any]] = []

    @property
    def labels(self) -> frozenset[str]:
        """The texts that it may hold, where the spec lists them."""
        return frozenset(
            label
            for field in self.stated
            for label in (*field.get("enum", {}).values(), *([field["else"]] if "else" in field else ()))
        )


class Release(msgspec.Struct, frozen=True):
    """A version of a product; `fingerprint` is the same for specs of the same meaning."""

    version: int
    fingerprint: str
    columns: list[ReleasedColumn]


class Releases(msgspec.Struct, frozen=True):
    """All locked versions of a product, the newest last."""

    product: str
    releases: list[Release] = []

    @property
    def newest(self) -> Release | None:
        return self.releases[-1] if self.releases else None

    def is_locked(self, release: Release) -> bool:
        """Whether it is the newest version as it was locked; raises ReleaseError where it may not be locked."""
        newest = self.newest
        if newest is None or release.version > newest.version:
            return False
        if release.version < newest.version:
            message = f"version {release.version} is behind version {newest.version}, which is locked"
            raise ReleaseError(f"{message}: set `version: {newest.version + 1}`", product=self.product)
        if release.fingerprint != newest.fingerprint:
            message = f"the meaning changed since version {newest.version} was locked"
            raise ReleaseError(f"{message}: set `version: {newest.version + 1}`", product=self.product)
        return True

    def with_release(self, release: Release) -> "Releases":
        """These and a new one; raises ReleaseError."""
        if self.is_locked(release):
            return self
        return Releases(self.product, [*self.releases, release])


def release_of(spec: ProductSpec) -> Release:
    """What the spec promises as it stands."""
    document = spec.document.without_stream
    fields = [struct for struct, _ in structs(document) if isinstance(struct, Meaning)]
    columns = [_released(column, fields) for column in spec.columns]
    meaning = [_stated(document), [(column.domain, column.name, column.unit) for column in columns]]
    text = json.dumps(meaning, sort_keys=True, ensure_ascii=False)
    fingerprint = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return Release(spec.version, fingerprint, columns)


def read_releases(specs: Path, product: str) -> Releases:
    """The releases of a product, none where it was never locked; raises ReleaseError."""
    path = _path(specs, product)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Releases)
    except FileNotFoundError:
        return Releases(product)
    except msgspec.DecodeError as fault:
        raise ReleaseError(f"{path} cannot be read ({fault}): restore it", product=product) from fault


def write_releases(specs: Path, releases: Releases) -> None:
    """Writes the file of one product, which is for versioning and not for editing."""
    path = _path(specs, releases.product)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(releases), indent=1) + b"\n")


def _path(specs: Path, product: str) -> Path:
    return specs / FOLDER / f"{product}.json"


def _released(column: Column, fields: Sequence[Meaning]) -> ReleasedColumn:
    stated = [_stated(field) for field in fields if _fills(field, column.name)]
    return ReleasedColumn(column.domain, column.name, column.kind, column.unit, stated)


def _fills(field: Meaning, column: str) -> bool:
    names = [field.name] if hasattr(field, "name") else []
    if field.flags is not None:
        names = list(field.flags.values())
    if isinstance(field.absent, dict):
        names += [f"{name}_status" for name in names]
    return column in names or any("{" in name and values_in(name, column) is not None for name in names)


def _stated(node: Any) -> Any:
    """What a document states, without defaults and without what is free to change."""
    if isinstance(node, list):
        return [_stated(child) for child in node]
    if isinstance(node, dict):
        return {key: _stated(child) for key, child in node.items()}
    if not isinstance(node, Strict):
        return node
    config = type(node).__struct_config__
    stated = {config.tag_field: config.tag} if config.tag_field not in (None, ITEM) else {}
    for field in msgspec.structs.fields(node):
        value = getattr(node, field.name)
        if field.name not in _FREE and value != _default(field):
            stated[field.encode_name] = _stated(value)
    return stated


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def _release_error(message: str, product: str) -> ReleaseError:
    return ReleaseError(message, product=product)
