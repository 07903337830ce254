"""Fields whose name holds another value, such as `io_{key}` or `grideye_{index}`."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, Final

from udfs.column import Column
from udfs.document import Place
from udfs.errors import DecodeError, EncodeError
from udfs.meaning import Field, Scope, compile_meaning, shown
from udfs.model import Meaning
from udfs.row import Readings, Row

MAX_NAMES: Final = 4096
"""Names that one field may take in a decoder's life: a payload must not be able to fill the memory."""

INDEX: Final = "index"

_VALUE: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_PART: Final = re.compile(r"[a-z0-9_]{1,40}")

CompileField = Callable[[str], Field]


def names_in(template: str) -> list[str]:
    """The fields whose values a name holds."""
    return _VALUE.findall(template)


def compile_field(name: str, spec: Meaning, place: Place, scope: Scope) -> Field:
    """The field `name`, which may hold values; raises SpecError."""
    if "{" not in name and "}" not in name:
        return compile_meaning(name, spec, place, scope)
    if "{" in _VALUE.sub("", name) or "}" in _VALUE.sub("", name):
        raise (place / "name").error(f"the braces of `{name}` do not hold a field's name each")
    return _named_by_value(name, lambda actual: compile_meaning(actual, spec, place, scope), scope)


def _named_by_value(template: str, compile_one: CompileField, scope: Scope) -> Field:
    known: dict[str, Field] = {}
    matches = re.compile(_VALUE.sub(lambda value: _form(scope.choices.get(value[1])), template)).fullmatch

    def bound(values: Mapping[str, Any]) -> Field:
        actual = _actual_name(template, values)
        field = known.get(actual)
        if field is None:
            if len(known) >= MAX_NAMES:
                known.clear()
            field = known[actual] = compile_one(actual)
        return field

    def read(raw: Any, row: Row) -> None:
        bound(row.values).read(raw, row)

    def write(readings: Readings) -> Any:
        raise EncodeError("the name is not known yet", field=template)

    return Field(
        template,
        read,
        write,
        columns=_columns(template, compile_one, scope),
        bound=bound,
        names_in=lambda readings: [name for name in readings if matches(name)],
    )


def values_in(template: str, name: str) -> dict[str, Any] | None:
    """The values that `name` holds, None where it is not of the template: `io_{key}`, `io_239` → key 239."""
    match = re.fullmatch(_VALUE.sub(lambda value: f"(?P<{value[1]}>[a-z0-9_]+?)", template), name)
    if match is None:
        return None
    return {value: int(text) if text.isdigit() else text for value, text in match.groupdict().items()}


def bindings(fields: Sequence[Field], readings: Readings) -> list[dict[str, Any]]:
    """The values that names of these fields hold in the readings; one empty set where no name holds any.

    `index` is left out: the repeat around the field counts its elements itself.
    """
    named = [field for field in fields if set(names_in(field.name)) - {INDEX}]
    if not named:
        return [{}]
    found: list[dict[str, Any]] = []
    for field in named:
        for name in field.readings_in(readings):
            values = values_in(field.name, name) or {}
            values.pop(INDEX, None)
            if values not in found:
                found.append(values)
    return found


def _form(choices: Sequence[Any] | None) -> str:
    """What a value looks like in a name: digits where the spec tells that it is a number."""
    return "[0-9]+" if choices and all(isinstance(choice, int) for choice in choices) else "[a-z0-9_]+?"


def _actual_name(template: str, values: Mapping[str, Any]) -> str:
    def value_of(match: re.Match[str]) -> str:
        text = shown(values.get(match[1], ""))
        if not _PART.fullmatch(text):
            raise DecodeError("bad_value", f"{match[1]} {text[:24]!r} cannot be part of a name", field=template)
        return text

    return _VALUE.sub(value_of, template)


def _columns(template: str, compile_one: CompileField, scope: Scope) -> tuple[Column, ...]:
    """The columns of all names that the spec tells beforehand; the others are found in the message's maps alone."""
    values = names_in(template)
    if any(value not in scope.choices for value in values):
        compile_one(_VALUE.sub("x", template))
        return ()
    columns: list[Column] = []
    for chosen in product(*(scope.choices[value] for value in values)):
        columns += compile_one(_actual_name(template, dict(zip(values, chosen, strict=True)))).columns
    return tuple(columns)
