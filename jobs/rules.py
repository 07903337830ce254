"""Rule files: sql/rules/<product>/<rule>.sql, a YAML header in the first comment and one SELECT over typed views.

The SELECT gives one row a detection: `device_id` and `event_time`, optionally `value`, `limit_value`, `customer_id` and
`site_id`; every further column becomes evidence. The lifecycle makes alarms of the detections.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from jobs.durations import Duration, duration_ms
from udfs.document import read_document
from udfs.errors import SluiceError, SpecError, SpecErrors
from udfs.typed_document import read_typed

_HEADER: Final = re.compile(r"\s*/\*(.*?)\*/", re.DOTALL)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_\-]*")

Severity = Literal["info", "minor", "major", "critical"]


class RuleError(SluiceError):
    """A rule file that cannot be used; `line` and `column` count from 1."""

    def __init__(self, file: str, line: int, message: str, column: int = 1) -> None:
        self.file, self.line, self.column, self.message = file, line, column, message
        super().__init__(f"{file}:{line}:{column}: {message}")


class RuleErrors(RuleError):
    """All faults found in rule files; as one RuleError it stands for the first."""

    def __init__(self, errors: Sequence[RuleError]) -> None:
        first = errors[0]
        super().__init__(first.file, first.line, first.message, first.column)
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A limit that the rule reads as limits['name']; master data may override it for a product, customer or device."""

    default: float
    unit: str


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The header of a rule file, times in event time.

    `for`: how long detections must go on before an alarm is raised; `clear_after`: how long none, before it is over.
    """

    title: Annotated[str, Meta(min_length=1)]
    severity: Severity
    type: Literal["threshold", "anomaly", "correlation", "predictive"]
    limits: dict[str, Limit] = {}
    for_: Duration = msgspec.field(default="0 s", name="for")
    clear_after: Duration = "1 min"
    runbook: str = ""
    owner: str = ""


@dataclass(frozen=True)
class Rule:
    """One rule: `name` is product/file name, `select` the file's text (its comments included)."""

    name: str
    product: str
    file: str
    header: Header
    select: str

    @property
    def for_ms(self) -> int:
        return duration_ms(self.header.for_)

    @property
    def clear_after_ms(self) -> int:
        return duration_ms(self.header.clear_after)


def read_rules(directory: Path) -> list[Rule]:
    """Every rule under `directory`, by name; raises RuleErrors with the faults of all files."""
    rules, refused = readable_rules(directory)
    if refused:
        raise RuleErrors(refused)
    return rules


def readable_rules(directory: Path) -> tuple[list[Rule], list[RuleError]]:
    """The rules under `directory` that can be read and agree on their limits, by name; and the faults of the others."""
    rules: list[Rule] = []
    refused: list[RuleError] = []
    for path in sorted(directory.glob("*/*.sql")):
        try:
            rule = read_rule(path)
            default_limits([*rules, rule])
            rules.append(rule)
        except RuleErrors as several:
            refused += several.errors
        except RuleError as error:
            refused.append(error)
    return rules, refused


def read_rule(path: Path) -> Rule:
    if not (_NAME.fullmatch(path.stem) and _NAME.fullmatch(path.parent.name)):
        raise RuleError(str(path), 1, "expected <product>/<rule>.sql, each of a-z, 0-9, `_` and `-`")
    text = path.read_text(encoding="utf-8")
    header = _HEADER.match(text)
    if header is None:
        raise RuleError(str(path), 1, "expected a header `/* title: ... severity: ... */` before the SELECT")
    product = path.parent.name
    return Rule(
        f"{product}/{path.stem}", product, str(path), _header(path, text, header.span(1)), text.rstrip().rstrip(";")
    )


def default_limits(rules: list[Rule]) -> dict[str, dict[str, float]]:
    """The defaults of all limits, by product; rules of a product share a limit of one name and must agree on it."""
    defaults: dict[str, dict[str, float]] = {}
    for rule in rules:
        limits = defaults.setdefault(rule.product, {})
        for name, limit in rule.header.limits.items():
            if limits.setdefault(name, limit.default) != limit.default:
                message = f"limit `{name}` defaults to {limit.default} here, to {limits[name]} in a rule beside it"
                raise RuleError(rule.file, 1, message)
    return defaults


def _header(path: Path, text: str, span: tuple[int, int]) -> Header:
    """The header, read as if the file held nothing else, so that faults have the file's own lines and columns."""
    before = text[: span[0]]
    indent = " " * (len(before) - before.rfind("\n") - 1)
    try:
        return read_typed(read_document(str(path), "\n" * before.count("\n") + indent + text[slice(*span)]), Header)
    except SpecError as error:
        found = error.errors if isinstance(error, SpecErrors) else (error,)
        faults = [RuleError(each.file, each.line, f"header: {each.message}", each.column) for each in found]
        raise RuleErrors(faults) from error
