"""The JSON Schemas of the spec language, for editors; `python -m udfs.schema specs/schema` writes them."""

import sys
from pathlib import Path
from typing import Any

import msgspec

from udfs.model import ITEM, DomainDocument, ProductDocument

DOCUMENTS: dict[str, type] = {"product.json": ProductDocument, "domain.json": DomainDocument}


def schema_texts() -> dict[str, str]:
    """Each schema file's name and text."""
    return {name: _schema_text(model) for name, model in DOCUMENTS.items()}


def write_schemas(directory: Path) -> None:
    """Write the schema files into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in schema_texts().items():
        (directory / name).write_text(text, encoding="utf-8")


def _schema_text(model: type) -> str:
    generated = msgspec.json.schema(model)
    for definition in generated["$defs"].values():
        if definition.get("properties", {}).pop(ITEM, None):
            definition["required"].remove(ITEM)
    _without_discriminators(generated)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **generated}
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


def _without_discriminators(node: Any) -> None:
    """Items are told apart by their keys, which `anyOf` says already."""
    if isinstance(node, dict):
        if node.get("discriminator", {}).get("propertyName") == ITEM:
            del node["discriminator"]
        for child in node.values():
            _without_discriminators(child)
    elif isinstance(node, list):
        for child in node:
            _without_discriminators(child)


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
