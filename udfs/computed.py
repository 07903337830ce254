"""Values made of others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from udfs.contract import evaluate, expression
from udfs.document import Place
from udfs.expression import Expression
from udfs.meaning import Field, Scope, compile_meaning
from udfs.model import Computed
from udfs.row import Row
from udfs.text_values import compile_text_field

_WRITTEN_TIMES: Final = ("datetime", "iso8601")


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
