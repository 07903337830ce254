"""Values made of others, and which fields the expressions of a spec ask for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from udfs.contract import evaluate, expression
from udfs.document import Place
from udfs.expression import Expression, ExpressionError, compile_expression
from udfs.meaning import Field, Scope, compile_meaning
from udfs.model import Computed, ProductDocument
from udfs.named_by_value import names_in
from udfs.row import Row
from udfs.text_values import compile_text_field
from udfs.walk import NOWHERE, structs

BUILT_IN: Final = frozenset({"remaining", "size", "index", "key", "occurrence"})
"""What reading itself knows: bytes left, bytes of the payload, element of a repeat, unlisted key, which
occurrence of a key."""

_EXPRESSIONS: Final = ("if_", "switch", "compute", "check", "equals", "skip", "size", "length", "repeat", "until")
_WRITTEN_TIMES: Final = ("datetime", "iso8601")
_WORDS: Final = ("rest", "end")


@dataclass(frozen=True)
class ComputedValue:
    """A compiled computation."""

    field: Field
    compute: Expression
    read: Callable[[Any, Row], None]

    def add_to(self, row: Row) -> None:
        """Puts the value into the record where all that it needs is there; raises DecodeError."""
        value = evaluate(self.compute, row.values, self.field.name)
        if value is not None:
            self.read(value, row)


def compile_computed(spec: Computed, place: Place, scope: Scope) -> ComputedValue:
    """The computation at `place`; raises SpecError. Without a type, a unit makes it a measurement, else a text."""
    if spec.type is None:
        spec = msgspec.structs.replace(spec, type="decimal" if spec.unit is not None else "text")
    compute = expression(spec.compute, place / "compute")
    if spec.type in _WRITTEN_TIMES:
        written = compile_text_field(spec.name, spec, place, scope)
        return ComputedValue(written.field, compute, lambda value, row: written.read(str(value), row))
    field = compile_meaning(spec.name, spec, place, scope)
    return ComputedValue(field, compute, field.read)


def names_asked(document: ProductDocument, root: Place = NOWHERE) -> dict[str, Place]:
    """The names in all expressions and in all names that hold values, each with the place that asks first."""
    names: dict[str, Place] = {}
    for struct, place in structs(document, root):
        for key in _EXPRESSIONS:
            text = getattr(struct, key, None)
            if isinstance(text, str) and text not in _WORDS and not (key == "until" and not hasattr(struct, "repeat")):
                for name in sorted(_names(text)):
                    names.setdefault(name, place / key.removesuffix("_"))
        for name in names_in(str(getattr(struct, "name", ""))):
            names.setdefault(name, place / "name")
    return names


def _names(text: str) -> frozenset[str]:
    try:
        return compile_expression(text).names
    except ExpressionError:
        return frozenset()  # told with its place where it is compiled
