"""`sluice rule tune`: limits worth approving, by the alarms that were and what operators said of them."""

from pathlib import Path
from typing import Annotated, Final

import psycopg
import typer
from psycopg.rows import namedtuple_row
from rich.console import Console
from rich.table import Table

from cli.deployment import find_deployment
from cli.rule import find_rules_folder
from jobs.config import Config
from jobs.rules import read_rules
from jobs.tuning import PastAlarm, Proposal, propose
from udfs.document import suggest
from udfs.errors import SluiceError

_out = Console(highlight=False)
_PAST: Final = """
SELECT alarm.device_id, alarm.value, alarm.limit_value, coalesce(alarm_mark.mark = 'false_alarm', false)
FROM alarm LEFT JOIN alarm_mark ON alarm_mark.alarm_id = alarm.alarm_id AND NOT alarm_mark.deleted
WHERE alarm.rule = %s AND alarm.value IS NOT NULL AND alarm.limit_value IS NOT NULL
  AND alarm.first_event_time > now() AT TIME ZONE 'UTC' - make_interval(days => %s)
"""


def tune(
    rule: Annotated[str, typer.Argument(help="The rule, as `product/rule`.")],
    limit: Annotated[str, typer.Option(help="Which of its limits; needed where it has several.")] = "",
    days: Annotated[int, typer.Option(min=1, help="How far back to look.")] = 90,
    run_dir: Annotated[Path, typer.Option(help="Folder of the local stack's state.")] = Path(".run"),
) -> None:
    """Propose limits with the expected change of precision and recall, as override rows to approve.

    Looks at the rule's past alarms and at which of them operators marked as false. Changes nothing.
    """
    try:
        config = find_deployment(run_dir)
        name = _limit_name(rule, limit)
        alarms = past_alarms(config, rule, days)
    except SluiceError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    proposals = propose(alarms)
    num_false = sum(alarm.is_false for alarm in alarms)
    _out.print(f"{len(alarms)} alarms in {days} days, {num_false} marked as false")
    if not proposals:
        _out.print("nothing to propose: it takes 5 alarms, a false one, and a limit that keeps 98 % of the others")
        return
    _out.print(_table(proposals))
    product = rule.partition("/")[0]
    _out.print("\nto approve one:")
    for proposal in proposals:
        _out.print(f"  {approval(product, name, proposal)}", soft_wrap=True)


def past_alarms(config: Config, rule: str, days: int) -> list[PastAlarm]:
    with psycopg.connect(config.aurora.conninfo(config.aurora.read_host), row_factory=namedtuple_row) as connection:
        return [PastAlarm(*row) for row in connection.execute(_PAST, [rule, days]).fetchall()]


def approval(product: str, limit_name: str, proposal: Proposal) -> str:
    """The command that puts the override."""
    scope, scope_id = ("product", product) if proposal.device_id is None else ("device", proposal.device_id)
    return (
        f"sluice master put limit_override limit_id=tuned-{limit_name}-{scope_id} scope={scope} scope_id={scope_id} "
        f"limit_name={limit_name} value={proposal.proposed:g}"
    )


def _limit_name(rule: str, limit: str) -> str:
    rules = {each.name: each for each in read_rules(find_rules_folder(None))}
    if rule not in rules:
        raise SluiceError(f"unknown rule `{rule}`{suggest(rule, rules) or ''}")
    limits = list(rules[rule].header.limits)
    if limit in limits:
        return limit
    if not limit and len(limits) == 1:
        return limits[0]
    raise SluiceError(f"{rule} has the limits {', '.join(limits) or 'none'}: name one by --limit")


def _table(proposals: list[Proposal]) -> Table:
    headers = ("for", "limit", "proposed", "alarms", "false", "precision", "recall")
    table = Table(*headers, box=None, header_style="bold", pad_edge=False)
    for each in proposals:
        precision = f"{each.precision_before:.0%} → {each.precision_after:.0%}"
        numbers = f"{each.limit:g}", f"{each.proposed:g}", str(each.num_alarms), str(each.num_false)
        table.add_row(each.device_id or "the product", *numbers, precision, f"100% → {each.recall_after:.0%}")
    return table
