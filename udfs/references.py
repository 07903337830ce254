"""What a spec refers to by name: the values that expressions ask for, and the marks of checksums."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from udfs.document import Place, suggest
from udfs.errors import SpecErrors
from udfs.expression import ExpressionError, compile_expression
from udfs.meaning import Field
from udfs.model import Checksum
from udfs.named_by_value import names_in
from udfs.walk import NOWHERE, structs

BUILT_IN: Final = frozenset({"remaining", "size", "index", "key", "occurrence"})
"""What reading itself knows: bytes left, bytes of the payload, element of a repeat, unlisted key, which
occurrence of a key."""

_EXPRESSIONS: Final = ("if_", "switch", "compute", "check", "equals", "skip", "size", "length", "repeat", "until")
_WORDS: Final = ("rest", "end")


def names_asked(node: Any, root: Place = NOWHERE) -> dict[str, Place]:
    """The names in all expressions and in all names that hold values, each with the place that asks first."""
    names: dict[str, Place] = {}
    for struct, place in structs(node, root):
        for key in _EXPRESSIONS:
            text = getattr(struct, key, None)
            if isinstance(text, str) and text not in _WORDS and not (key == "until" and not hasattr(struct, "repeat")):
                for name in sorted(_names(text)):
                    names.setdefault(name, place / key.removesuffix("_"))
        for name in names_in(str(getattr(struct, "name", ""))):
            names.setdefault(name, place / "name")
    return names


def names_of(fields: Iterable[Field]) -> frozenset[str]:
    """The names under which expressions find what these fields read."""
    return frozenset(
        name for field in fields for name in (field.name, *field.flags, *(column.name for column in field.columns))
    )


def check_names(asked: Mapping[str, Place], known: Iterable[str]) -> None:
    """Raises SpecErrors for every name that is none of the known ones, nor one that reading itself knows."""
    there = {*BUILT_IN, *known}
    faults = [
        place.error(f"an expression asks for `{name}`, which is no field{suggest(name, there)}")
        for name, place in asked.items()
        if name not in there
    ]
    if faults:
        raise SpecErrors(faults)


def check_marks(node: Any, root: Place) -> None:
    """Raises SpecError for a mark that a checksum names and no item has."""
    found = list(structs(node, root))
    marks = {mark for struct, _ in found if (mark := getattr(struct, "mark", None)) is not None}
    for struct, place in found:
        for key in ("start", "end") if isinstance(struct, Checksum) else ():
            mark = getattr(struct, key)
            if mark is not None and mark not in marks:
                raise (place / key).error(f"no item has `mark: {mark}`{suggest(mark, marks)}")


def _names(text: str) -> frozenset[str]:
    try:
        return compile_expression(text).names
    except ExpressionError:
        return frozenset()  # told with its place where it is compiled
