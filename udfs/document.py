"""A YAML text as a tree of nodes that know their line and column, and the places in it that errors point to.

Plain scalars follow the YAML 1.2 core schema: `yes`, `no` and `0367` stay texts, only `true`, `false`, `null` and
numbers as a person writes them are anything else.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import yaml

from udfs.errors import SpecError

Step = str | int
_INT = re.compile(r"-?(0|[1-9][0-9]*|0x[0-9a-fA-F]+)\Z")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True)
class Place:
    """A node of a document, reached by `path`; `place / step` goes on to a child, known or not."""

    file: str
    node: yaml.Node
    path: tuple[Step, ...] = ()

    def __truediv__(self, step: Step) -> "Place":
        child = _child(self.node, step)
        return Place(self.file, self.node if child is None else child, (*self.path, step))

    def error(self, message: str) -> SpecError:
        """The fault `message` at this place."""
        mark = cast(yaml.error.Mark, self.node.start_mark)
        path = render_path(self.path)
        return SpecError(message, file=self.file, line=mark.line + 1, column=mark.column + 1, path=path)

    def key_error(self, key: yaml.Node, message: str) -> SpecError:
        """The fault `message` at one of this mapping's keys."""
        return Place(self.file, key, self.path).error(message)


def read_document(file: str, text: str) -> Place:
    """The root of a YAML text; raises SpecError where it is no YAML, is empty or uses aliases."""
    try:
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                mark = cast(yaml.error.Mark, event.start_mark)
                raise SpecError(
                    "aliases are not part of the spec language: write the value out",
                    file=file,
                    line=mark.line + 1,
                    column=mark.column + 1,
                )
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as fault:
        raise _syntax_error(file, fault) from fault
    except RecursionError as fault:
        raise SpecError("the document is nested too deeply", file=file) from fault
    if root is None:
        raise SpecError("the file is empty: it needs a mapping", file=file)
    return Place(file, root)


def scalar_value(node: yaml.ScalarNode) -> str | int | float | bool | None:
    """A scalar's value: quoted and block texts stay texts, plain ones follow the core schema."""
    text: str = node.value
    if node.style is not None:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text):
        return int(text, 0)
    return float(text) if _FLOAT.match(text) else text


def suggest(word: object, known: Iterable[str]) -> str:
    """`, did you mean …?` for the known word nearest to `word`, empty if none is near."""
    near = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return f", did you mean `{near[0]}`?" if near else ""


def render_path(path: Iterable[Step]) -> str:
    """`layout.fields[2].scale` for its steps."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def _child(node: yaml.Node, step: Step) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return node.value[step] if step < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    return None


def _syntax_error(file: str, fault: yaml.YAMLError) -> SpecError:
    mark: Any = getattr(fault, "problem_mark", None)
    problem = getattr(fault, "problem", None) or str(fault)
    if mark is None:
        return SpecError(f"no YAML: {problem}", file=file)
    return SpecError(f"no YAML: {problem}", file=file, line=mark.line + 1, column=mark.column + 1)
