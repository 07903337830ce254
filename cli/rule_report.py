"""How the results of timed rule cases look on a terminal: one table, and for each failed case what differs."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from jobs.durations import duration_text
from jobs.rule_cases import AlarmChange, Told, matches

if TYPE_CHECKING:
    from jobs.rule_runner import CaseResult


def result_table(results: Sequence["CaseResult"]) -> Table:
    """A line for each case, its rule named once."""
    table = Table("rule", "case", "result", box=None, header_style="bold", pad_edge=False)
    shown = ""
    for result in results:
        rule = result.planned.rule.name
        verdict = "[green]passed[/]" if result.passed else "[red]FAILED[/]"
        table.add_row(Text("" if rule == shown else rule), Text(result.planned.case.name), verdict)
        shown = rule
    return table


def render_difference(result: "CaseResult") -> str:
    """The expected changes above those seen; `-` marks what is missing, `+` what should not be."""
    expected, got = result.planned.expected, result.got
    missing = [change for change in expected if not any(matches(change, seen) for seen in got)]
    surplus = [seen for seen in got if not any(matches(change, seen) for change in expected)]
    lines = [f"{result.planned.rule.name}: {result.planned.case.name}"]
    lines += _block("expected", expected, missing, "-")
    lines += _block("got", got, surplus, "+")
    if result.told_otherwise:
        lines += _told("told, expected", result.planned.expected_notifications)
        lines += _told("told, got", result.told)
    return "\n".join(lines)


def _told(title: str, notifications: Sequence[Told]) -> Iterator[str]:
    if not notifications:
        yield f"  {title:<15}  nothing"
    for index, told in enumerate(notifications):
        alarms = f"{told.alarms} alarm{'s' if told.alarms != 1 else ''}"
        line = f"{duration_text(told.at):>8}  {told.state:<10}  {alarms}  {told.reason}"
        yield f"  {title if index == 0 else '':<15}  {line}".rstrip()


def _block(title: str, changes: Sequence[AlarmChange], marked: Sequence[AlarmChange], mark: str) -> Iterator[str]:
    if not changes:
        yield f"  {title:<10}  no alarm"
    width = max((len(change.device) for change in changes), default=0)
    for index, change in enumerate(changes):
        value = "" if change.value is None else f"{change.value:.10g}"
        sign = mark if change in marked else " "
        what = f"{change.state:<12}  {value:<8}  {change.severity or ''}"
        line = f"{sign} {duration_text(change.at):>8}  {change.device:<{width}}  {what}"
        yield f"  {title if index == 0 else '':<10}{line}".rstrip()
