"""What a field writes: a reading, or for a hidden field what the rest of the payload implies."""

from typing import Any

from udfs.contract import evaluate
from udfs.errors import DecodeError, EncodeError
from udfs.expression import compile_expression
from udfs.layouts.frame import Draft
from udfs.meaning import Field
from udfs.model import Value


def raw_value(field: Field, spec: Value, draft: Draft) -> Any:
    """The raw value to write, None where the reading is absent; raises EncodeError."""
    if field.bound is not None:
        try:
            field = field.bound(draft.values)
        except DecodeError as error:
            raise EncodeError(error.message, field=field.name) from None
    if spec.flags is not None and spec.hidden:
        return field.write({flag: bool(_implied(flag, spec, draft)) for flag in spec.flags.values()})
    if not field.hidden:
        reading = draft.readings.get(field.name)
        if reading is not None:
            draft.values[field.name] = field.typed(reading)
        return field.write(draft.readings)
    value = _implied(field.name, spec, draft)
    draft.values[field.name] = value
    return field.write({field.name: value})


def _implied(name: str, spec: Value, draft: Draft) -> Any:
    """A hidden value: given, derived from what follows, told by `equals` or `default`, else the lowest there is."""
    if name in draft.readings:
        return draft.readings[name]
    if name in draft.derivations:
        return draft.derivations[name](draft)
    if name in draft.values:
        return draft.values[name]
    if spec.equals is not None:
        return evaluate(compile_expression(spec.equals), draft.values, name)
    if spec.default is not None:
        return spec.default
    if spec.enum:
        return next(iter(spec.enum.values()))
    if spec.type == "bool":
        return False
    return "" if spec.type in ("text", "bytes", "digits", "template") else 0
