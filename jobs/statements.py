"""SQL files of the job: read in the order of their names, filled with the configuration, cut into statements.

A statement ends with `;` at the end of a line. `${group.key}` stands for a property, inside quotes or backticks.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from udfs.errors import SluiceError

_END: Final = re.compile(r";[ \t]*(?:\n|$)")
_PLACEHOLDER: Final = re.compile(r"\$\{([^}]*)\}")
_COMMENT: Final = re.compile(r"\s*(?:--[^\n]*\n|/\*.*?\*/)", re.DOTALL)


class StatementError(SluiceError):
    """A SQL file that cannot be used; `line` counts from 1."""

    def __init__(self, file: str, line: int, message: str) -> None:
        self.file, self.line, self.message = file, line, message
        super().__init__(f"{file}:{line}: {message}")


@dataclass(frozen=True)
class Statement:
    """One filled statement. Its text holds secrets: say `file` and `line` in messages, never the text."""

    file: str
    line: int
    text: str

    @property
    def verb(self) -> str:
        text = self.text
        while comment := _COMMENT.match(text):
            text = text[comment.end() :]
        return text.split(maxsplit=1)[0].upper()


def read_statements(directory: Path, values: Mapping[str, str]) -> list[Statement]:
    """All statements of the *.sql files under `directory`; raises StatementError for an unknown placeholder."""
    return [s for path in sorted(directory.rglob("*.sql")) for s in _read_file(path, values)]


def _read_file(path: Path, values: Mapping[str, str]) -> Iterator[Statement]:
    text = path.read_text(encoding="utf-8")
    start = 0
    for end in _END.finditer(text):
        yield _fill(path, text, start, end.start(), values)
        start = end.end()
    if text[start:].strip():
        raise StatementError(str(path), text.count("\n") + 1, "the last statement has no `;` at its line's end")


def _fill(path: Path, text: str, start: int, end: int, values: Mapping[str, str]) -> Statement:
    begin = start + len(text[start:end]) - len(text[start:end].lstrip())
    line = text.count("\n", 0, begin) + 1

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            message = f"unknown placeholder ${{{match[1]}}}; known are {', '.join(sorted(values))}"
            raise StatementError(str(path), line, message)
        quote = _open_quote(match.string[: match.start()])
        return values[match[1]].replace(quote, quote * 2)

    return Statement(str(path), line, _PLACEHOLDER.sub(value, text[begin:end]))


def _open_quote(before: str) -> str:
    return "`" if before.rfind("`") > before.rfind("'") else "'"
