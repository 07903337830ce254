"""From a located document to the structs of the model: every unknown key and wrong type with its line and column.

The walk follows the model's types, so a text stays the text that was written (`payload: 0000`, key `0367`).
"""

import re
from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
import msgspec.inspect as mi
import yaml

from udfs.document import Place, Step, scalar_value, suggest
from udfs.errors import SpecError, SpecErrors
from udfs.model import ITEM, ITEM_KEYS

T = TypeVar("T")
_AT = re.compile(r"^(?P<message>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)
_WORDS = {
    "a mapping": "object",
    "a list": "array",
    "a text": "str",
    "a whole number": "int",
    "a number": "float",
    "true or false": "bool",
}
_NUMBERS: dict[type, tuple[type | tuple[type, ...], str]] = {
    mi.IntType: (int, "a whole number"),
    mi.FloatType: ((int, float), "a number"),
}
_STEP = re.compile(r"\[(\d+|\.\.\.)\]|\.([^.\[]+)")


def read_typed(place: Place, model: type[T]) -> T:
    """The document as a `model`; raises SpecErrors with all unknown or missing keys, else the first wrong value."""
    walk = _Walk()
    built = walk.build(place, _type_info(cast(Hashable, model)))
    if walk.errors:
        raise SpecErrors(walk.errors)
    try:
        return msgspec.convert(built, model)
    except msgspec.ValidationError as fault:
        raise _located(place, str(fault)) from fault


@cache
def _type_info(model: Any) -> mi.Type:
    return mi.type_info(model)


class _Walk:
    def __init__(self) -> None:
        self.errors: list[SpecError] = []

    def build(self, place: Place, kind: mi.Type) -> Any:
        node = place.node
        plain = _plain(kind)
        if isinstance(plain, mi.UnionType):
            kind = self._choose(place, plain)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(place, _plain(kind))
        if isinstance(node, yaml.SequenceNode):
            return self._sequence(place, _plain(kind))
        return self._text(place, kind) if isinstance(_plain(kind), mi.StrType) else self._scalar(place, _plain(kind))

    def _mapping(self, place: Place, kind: mi.Type) -> Any:
        self._refuse_repeated_keys(place)
        if isinstance(kind, mi.StructType):
            return self._struct(place, kind)
        values = kind.value_type if isinstance(kind, mi.DictType) else mi.AnyType()
        return {key.value: self.build(place / key.value, values) for key, _ in place.node.value}

    def _struct(self, place: Place, kind: mi.StructType) -> dict[str, Any]:
        types = {field.encode_name: field.type for field in kind.fields}
        if kind.tag_field is not None:
            types[kind.tag_field] = mi.AnyType()
        built: dict[str, Any] = {}
        if kind.tag_field == ITEM:
            del types[ITEM]
            built[ITEM] = kind.tag
        for key, _ in place.node.value:
            if key.value in types:
                built[key.value] = self.build(place / key.value, types[key.value])
            else:
                message = f"unknown key `{key.value}`{suggest(key.value, types)}"
                self.errors.append(place.key_error(key, message))
        for field in kind.fields:
            if field.required and field.encode_name not in built:
                self.errors.append(place.error(f"missing key `{field.encode_name}`"))
        return built

    def _refuse_repeated_keys(self, place: Place) -> None:
        seen: set[str] = set()
        for key, _ in place.node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.errors.append(place.key_error(key, "a key must be a text"))
                key.value = ""
            if key.value in seen:
                self.errors.append(place.key_error(key, f"key `{key.value}` stands here twice"))
            seen.add(key.value)

    def _sequence(self, place: Place, kind: mi.Type) -> list[Any]:
        items = kind.item_type if isinstance(kind, mi.ListType | mi.VarTupleType) else mi.AnyType()
        return [self.build(place / index, items) for index in range(len(place.node.value))]

    def _text(self, place: Place, kind: mi.Type) -> Any:
        """A text as it stands; examples tell what is expected better than the pattern they stand beside."""
        text, pattern = place.node.value, cast(mi.StrType, _plain(kind)).pattern
        examples = _examples(kind)
        if pattern and examples and not re.search(pattern, text):
            self.errors.append(place.error(f"expected a text like {', '.join(examples)}, got `{text}`"))
        return text

    def _scalar(self, place: Place, kind: mi.Type) -> Any:
        assert isinstance(place.node, yaml.ScalarNode)  # noqa: S101 - the only kind of node that is left
        value = scalar_value(place.node)
        if isinstance(kind, mi.LiteralType):
            value = place.node.value
            if value not in kind.values:
                known = [str(word) for word in kind.values]
                hint = suggest(value, known) or f": expected one of {', '.join(known)}"
                self.errors.append(place.error(f"unknown {place.path[-1]} `{value}`{hint}"))
                return kind.values[0]
        expected = _NUMBERS.get(type(kind))
        fits = value is None or (isinstance(value, expected[0]) and not isinstance(value, bool)) if expected else True
        if expected is not None and not fits:
            self.errors.append(place.error(f"expected {expected[1]}, got {_word(value)}"))
        return value

    def _choose(self, place: Place, union: mi.UnionType) -> mi.Type:
        if isinstance(place.node, yaml.MappingNode):
            return self._choose_mapping(place, mi.UnionType(tuple(map(_plain, union.types))))
        kinds = (mi.ListType, mi.VarTupleType) if isinstance(place.node, yaml.SequenceNode) else (mi.LiteralType,)
        chosen = next((kind for kind in union.types if isinstance(_plain(kind), kinds)), None)
        if chosen is not None:
            return chosen
        texts = [kind for kind in union.types if not isinstance(kind, mi.NoneType)]
        return texts[0] if len(texts) == 1 else mi.AnyType()

    def _choose_mapping(self, place: Place, union: mi.UnionType) -> mi.Type:
        structs = {kind.tag: kind for kind in union.types if isinstance(kind, mi.StructType)}
        if not structs:
            return next((kind for kind in union.types if isinstance(kind, mi.DictType)), mi.AnyType())
        only = next(iter(structs.values()))
        if only.tag_field is None:
            return only
        if only.tag_field == ITEM:
            return self._choose_item(place, structs)
        tag_place = place / only.tag_field
        if tag_place.node is place.node:
            self.errors.append(place.error(f"missing key `{only.tag_field}`"))
            return mi.AnyType()
        tag = tag_place.node.value
        if tag not in structs:
            known = [str(name) for name in structs]
            hint = suggest(tag, known) or f": expected one of {', '.join(known)}"
            self.errors.append(tag_place.error(f"unknown {only.tag_field} `{tag}`{hint}"))
            return mi.AnyType()
        return structs[tag]

    def _choose_item(self, place: Place, structs: dict[Any, mi.StructType]) -> mi.Type:
        """Items say no kind: they are what the first of their telling keys says."""
        keys = {key.value for key, _ in place.node.value}
        tag = next((tag for tag in ITEM_KEYS if tag in keys), None)
        if tag is None:
            hint = next((text for key in keys if (text := suggest(key, ITEM_KEYS))), "")
            self.errors.append(place.error(f"an item has one of the keys {', '.join(ITEM_KEYS)}{hint}"))
            return mi.AnyType()
        return structs[tag]


def _plain(kind: mi.Type) -> mi.Type:
    """The type that a description stands around."""
    while isinstance(kind, mi.Metadata):
        kind = kind.type
    return kind


def _examples(kind: mi.Type) -> list[str]:
    said = (kind.extra_json_schema if isinstance(kind, mi.Metadata) else None) or {}
    return [f"`{example}`" for example in said.get("examples", ())]


def _word(value: Any) -> str:
    return {bool: "true or false", str: "a text", int: "a whole number"}.get(type(value), "a number")


def _located(root: Place, fault: str) -> SpecError:
    match = _AT.match(fault)
    message, path = (match["message"], match["path"] or "") if match else (fault, "")
    place = root
    for index, key in _STEP.findall(path):
        step: Step = int(index) if index.isdigit() else key
        if index != "...":
            place = place / step
    for ours, theirs in _WORDS.items():
        message = message.replace(f"`{theirs}`", ours)
    return place.error(message[:1].lower() + message[1:])
