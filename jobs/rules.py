"""Rule files: sql/rules/<product>/<rule>.sql, a YAML header in the first comment and one SELECT over typed views.

The SELECT gives one row a detection: `device_id` and `event_time`, optionally `value`, `limit_value`, `customer_id` and
`site_id`; every further column becomes evidence. The lifecycle makes alarms of the detections.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from jobs.durations import Duration, duration_ms, duration_text
from jobs.episodes import REMEMBERED, SEVERITIES, Policy
from udfs.document import read_document, suggest
from udfs.errors import SluiceError, SpecError, SpecErrors
from udfs.typed_document import read_typed
from udfs.units import unit_fault

_HEADER: Final = re.compile(r"\s*/\*(.*?)\*/", re.DOTALL)
_LIMIT_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_\-]*")

_DAY: Final = "(mon|tue|wed|thu|fri|sat|sun)"
Days = Annotated[
    str, Meta(pattern=rf"^{_DAY}(-{_DAY})?(,{_DAY}(-{_DAY})?)*$", examples=["mon-fri", "mon,wed,sat", "mon-thu,sat"])
]
Clock = Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["08:00", "17:30"])]
_LONGEST: Final = 366 * 86_400_000
"""Milliseconds that a duration of a header has at most."""

Severity = Literal["info", "minor", "major", "critical"]


class RuleError(SluiceError):
    """A rule file that cannot be used; `line` and `column` count from 1."""

    def __init__(self, file: str, line: int, message: str, column: int = 1) -> None:
        self.file, self.line, self.column, self.message = file, line, column, message
        super().__init__(f"{file}:{line}:{column}: {message}")

    @property
    def rule(self) -> str:
        """The name of the rule that the file would be."""
        path = Path(self.file)
        return f"{path.parent.name}/{path.stem}"


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


class EscalationStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where nobody has acknowledged the alarm `after` it was raised, it gets this severity."""

    after: Duration
    severity: Severity


class Flapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An alarm raised so many `times` `within` a while stays one alarm until it has been calm for as long."""

    times: Annotated[int, Meta(ge=2, le=REMEMBERED)]
    within: Duration


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the rule judges, in the time zone of the device's site; master data may state other hours by its `name`."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9_]+$")]
    days: Days = "mon-sun"
    opens: Clock = "00:00"
    closes: Clock = "00:00"


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The header of a rule file, times in event time.

    An alarm is raised when detections have gone on `for` so long and come `repeated` times. It is cleared by `clear`,
    a condition over the product's view, else when none came for `clear_after`; it closes by itself `close_after` it was
    raised. With `absent_after` the SELECT gives signs of life, and their absence is the alarm.
    """

    title: Annotated[str, Meta(min_length=1)]
    severity: Severity
    type: Literal["threshold", "anomaly", "correlation", "predictive"]
    limits: dict[str, Limit] = {}
    for_: Duration = msgspec.field(default="0 s", name="for")
    repeated: Annotated[int, Meta(ge=1)] = 1
    clear: str = ""
    clear_after: Duration | None = None
    close_after: Duration | None = None
    absent_after: Duration | None = None
    flapping: Flapping | None = None
    escalation: list[EscalationStep] = []
    schedule: Schedule | None = None
    inhibited_by: list[str] = []
    response: list[str] = []
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
    def policy(self) -> Policy:
        """What the lifecycle goes by; without detections an alarm with a clear condition is over after a day only."""
        header = self.header
        flapping = header.flapping
        return Policy(
            severity=header.severity,
            hold=duration_ms(header.for_),
            repeated=header.repeated,
            clear_after=duration_ms(header.clear_after or ("1 d" if header.clear else "1 min")),
            close_after=None if header.close_after is None else duration_ms(header.close_after),
            absent_after=None if header.absent_after is None else duration_ms(header.absent_after),
            flapping_times=0 if flapping is None else flapping.times,
            flapping_within=0 if flapping is None else duration_ms(flapping.within),
            escalation=tuple((duration_ms(step.after), step.severity) for step in header.escalation),
        )


def gone_rule(name: str) -> Rule:
    """What stands for a rule whose file is gone while alarms of it are open."""
    return Rule(name, name.partition("/")[0], "", Header(title=name, severity="info", type="threshold"), "")


def read_rules(directory: Path) -> list[Rule]:
    """Every rule under `directory`, by name; raises RuleErrors with the faults of all files."""
    rules, refused = readable_rules(directory)
    if refused:
        raise RuleErrors(refused)
    return rules


def readable_rules(directory: Path) -> tuple[list[Rule], list[RuleError]]:
    """The rules under `directory` that can be read and agree on their limits, by name; and the faults of the others."""
    read: list[Rule] = []
    rules: list[Rule] = []
    refused: list[RuleError] = []
    paths = sorted(directory.rglob("*.sql"))
    for path in paths:
        try:
            read.append(read_rule(path, directory))
        except RuleError as error:
            refused += _each(error)
    names = [f"{path.parent.name}/{path.stem}" for path in paths]
    inhibited_by = {rule.name: rule.header.inhibited_by for rule in read}
    for rule in read:
        try:
            _check_header(rule, names, inhibited_by)
            default_limits([*rules, rule])
            rules.append(rule)
        except RuleError as error:
            refused += _each(error)
    return rules, refused


def _each(error: RuleError) -> Sequence[RuleError]:
    return error.errors if isinstance(error, RuleErrors) else (error,)


def read_rule(path: Path, directory: Path | None = None) -> Rule:
    """The rule of one file under the `directory` of all rules, by default two above; raises RuleError."""
    is_placed = directory is None or path.parent.parent == directory
    if not (is_placed and _NAME.fullmatch(path.stem) and _NAME.fullmatch(path.parent.name)):
        raise RuleError(str(path), 1, "expected <product>/<rule>.sql, each of a-z, 0-9, `_` and `-`")
    text = _text(path)
    header = _HEADER.match(text)
    if header is None:
        raise RuleError(str(path), 1, "expected a header `/* title: ... severity: ... */` before the SELECT")
    product = path.parent.name
    return Rule(
        f"{product}/{path.stem}", product, str(path), _header(path, text, header.span(1)), text.rstrip().rstrip(";")
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise RuleError(str(path), line, "this is no UTF-8: save the file as UTF-8", column) from error
    except OSError as error:
        raise RuleError(str(path), 1, f"the file cannot be read: {error.strerror}") from error


def _check_header(rule: Rule, names: Sequence[str], inhibited_by: Mapping[str, Sequence[str]]) -> None:
    """What the header's parts say of each other and of other rules; `names` of all rule files. Raises RuleErrors."""
    faults = [*_time_faults(rule), *_raising_faults(rule), *_limit_faults(rule), *_escalation_faults(rule)]
    faults += _inhibition_faults(rule, names, inhibited_by)
    if faults:
        raise RuleErrors([RuleError(rule.file, header_line(rule, key), f"header: {text}") for key, text in faults])


def _time_faults(rule: Rule) -> Iterator[tuple[str, str]]:
    header, schedule = rule.header, rule.header.schedule
    within = header.flapping.within if header.flapping else None
    stated = [("clear_after", header.clear_after), ("close_after", header.close_after)]
    stated += [("absent_after", header.absent_after), ("flapping", within)]
    for key, text in stated:
        if text is not None and duration_ms(text) == 0:
            yield key, f"`{text}` is no time at all: write a duration such as `1 min`, or leave `{key}` out"
    for key, text in (*stated, ("for", header.for_), *(("escalation", step.after) for step in header.escalation)):
        if text is not None and duration_ms(text) > _LONGEST:
            yield key, f"`{text}` is beyond what an alarm lives: write `{duration_text(_LONGEST)}` or less"
    if schedule is not None and schedule.opens == schedule.closes != "00:00":
        yield "schedule", f"it opens and closes at {schedule.opens}: leave both out where it is open all day"


def _raising_faults(rule: Rule) -> Iterator[tuple[str, str]]:
    header, policy, flapping = rule.header, rule.policy, rule.header.flapping
    if header.absent_after is not None:
        said = [("for", policy.hold), ("repeated", policy.repeated > 1), ("clear", header.clear)]
        for key, value in (*said, ("clear_after", header.clear_after), ("flapping", flapping)):
            if value:
                yield key, f"`{key}` says nothing with `absent_after`: the alarm is over with the next sign of life"
    elif flapping is not None and not header.clear:
        one = policy.clear_after + policy.hold
        if (flapping.times - 1) * one >= policy.flapping_within:
            never = f"{flapping.times} alarms never come within {flapping.within}"
            yield "flapping", f"{never}, as each takes {duration_text(one)}: let `within` be longer"


def _limit_faults(rule: Rule) -> Iterator[tuple[str, str]]:
    for name, limit in rule.header.limits.items():
        if not _LIMIT_NAME.fullmatch(name):
            yield "limits", f"limit `{name}`: a name is of a-z, 0-9 and `_`"
        if not math.isfinite(limit.default):
            yield "limits", f"limit `{name}`: no value is beyond {limit.default}: write a finite number"
        if fault := unit_fault(limit.unit):
            yield "limits", f"limit `{name}`: {fault}"


def _escalation_faults(rule: Rule) -> Iterator[tuple[str, str]]:
    policy = rule.policy
    for (before, lower), (after, higher) in pairwise([(0, rule.header.severity), *policy.escalation]):
        if after <= before or SEVERITIES.index(higher) <= SEVERITIES.index(lower):
            yield "escalation", f"each step comes later and is graver than what is before it, `{higher}` is not"
        elif policy.close_after is not None and after >= policy.close_after:
            closed = f"the alarm is closed after {duration_text(policy.close_after)}"
            yield "escalation", f"`{higher}` never comes, {closed}: escalate before, or close later"


def _inhibition_faults(
    rule: Rule, names: Sequence[str], inhibited_by: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str]]:
    """Rules that inhibit each other would all be told of by nobody."""
    for name in rule.header.inhibited_by:
        if name not in names:
            others = [other for other in names if other != rule.name]
            yield "inhibited_by", f"no rule `{name}`{suggest(name, others) or '; write product/rule'}"
        elif name == rule.name:
            yield "inhibited_by", "a rule that inhibits itself is told to nobody: leave its own name out"
        elif rule.name in _inhibitors(name, inhibited_by):
            yield (
                "inhibited_by",
                f"`{name}` is inhibited by this rule in turn, so nobody hears of either: leave one out",
            )


def _inhibitors(name: str, inhibited_by: Mapping[str, Sequence[str]]) -> set[str]:
    """The rules that inhibit `name`, and those that inhibit them."""
    found: set[str] = set()
    rest = [name]
    while rest:
        more = set(inhibited_by.get(rest.pop(), ())) - found
        found |= more
        rest += more
    return found


def header_line(rule: Rule, key: str) -> int:
    """The line of the rule's file on which the header says `key`, 1 where it does not."""
    lines = rule.select.splitlines()
    return next((number for number, line in enumerate(lines, 1) if line.startswith(f"{key}:")), 1)


def default_limits(rules: Sequence[Rule]) -> dict[str, dict[str, float]]:
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
