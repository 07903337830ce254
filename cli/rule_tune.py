"""`sluice rule tune`: limits worth approving, by past alarms, what operators said of them, and a replay of the lake."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import psycopg
import typer
from rich.console import Console
from rich.table import Table

from cli.deployment import find_deployment
from cli.rule import find_rule, find_rules_folder, quiet_flink
from cli.rule_page.lineage import views_of
from cli.specs_folder import load_catalog
from jobs.config import Config
from jobs.rules import Rule, read_rules
from jobs.tuning import LEAST_ALARMS, Outcome, PastAlarm, Proposal, Span, come_again, limits_to_try, outcome, propose
from udfs.errors import SluiceError

_out = Console(highlight=False)
_PAST: Final = """
SELECT alarm.device_id, extract(epoch FROM first_event_time) * 1000 AS start,
       extract(epoch FROM CASE WHEN state = 'cleared' THEN changed_at ELSE now() AT TIME ZONE 'UTC' END) * 1000 AS over,
       coalesce(alarm_mark.mark = 'false_alarm', false) AS is_false, value - limit_value AS excess
FROM alarm LEFT JOIN alarm_mark ON alarm_mark.alarm_id = alarm.alarm_id AND NOT alarm_mark.deleted
WHERE alarm.rule = %s AND alarm.first_event_time > %s
"""
_OVERRIDE: Final = (
    "SELECT value FROM limit_override "
    "WHERE scope = 'product' AND scope_id = %s AND limit_name = %s AND NOT deleted AND value IS NOT NULL"
)


def tune(
    context: typer.Context,
    rule: Annotated[str, typer.Argument(help="The rule, as `product/rule`.")],
    limit: Annotated[str, typer.Option(help="Which of its limits; needed where it has several.")] = "",
    days: Annotated[int, typer.Option(min=1, help="How far back to look.")] = 90,
    readings: Annotated[int, typer.Option(min=1, help="How many of the newest messages to replay.")] = 20_000,
    missed: Annotated[
        list[str] | None, typer.Option(help="A failure that raised no alarm: `DEVICE=TIME`, ISO 8601; repeatable.")
    ] = None,
    run_dir: Annotated[Path, typer.Option(help="Folder of the local stack's state.")] = Path(".run"),
) -> None:
    """Propose limits with the expected change of precision and recall, as override rows to approve.

    Replays what devices sent, from the lake, at other limits, and compares the alarms with those that were, with what
    operators marked as false, and with what they missed. Changes nothing.
    """
    catalog = load_catalog(context)
    since = datetime.now(UTC) - timedelta(days=days)
    try:
        config = find_deployment(run_dir)
        found = find_rule(read_rules(find_rules_folder(None)), rule)
        name = limit_to_tune(found, limit)
        past = [*past_alarms(config, found.name, since), *map(_missed, missed or ())]
        with _out.status("replaying, about a minute"), quiet_flink():
            from jobs.backtest import backtest, past_messages  # imports PyFlink
            from jobs.lake import Lake

            products = {found.product, *views_of(found, catalog).values()}
            messages = past_messages(Lake(config), products, since, readings)
            now = product_limit(config, found, name)
            tried = limits_to_try(now, past)
            replayed = backtest(found, name, tried, messages, catalog) if messages else {each: [] for each in tried}
    except SluiceError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    first = min((message.event_time for message in messages), default=0)
    _report(found, name, now, [alarm for alarm in past if alarm.span.end >= first], replayed, len(messages))


def past_alarms(config: Config, rule: str, since: datetime) -> list[PastAlarm]:
    asked = [rule, since.replace(tzinfo=None)]
    with psycopg.connect(config.aurora.conninfo(config.aurora.read_host)) as connection:
        return [
            PastAlarm(Span(device_id, int(start), int(over)), is_false, excess=excess)
            for device_id, start, over, is_false, excess in connection.execute(_PAST, asked)
        ]


def product_limit(config: Config, rule: Rule, limit_name: str) -> float:
    """The limit that holds for the product: its override, else the header's default."""
    asked = [rule.product, limit_name]
    with psycopg.connect(config.aurora.conninfo(config.aurora.read_host)) as connection:
        override = connection.execute(_OVERRIDE, asked).fetchone()
    return rule.header.limits[limit_name].default if override is None else float(override[0])


def approval(product: str, limit_name: str, proposal: Proposal) -> str:
    """The command that puts the override."""
    scope, scope_id = ("product", product) if proposal.device_id is None else ("device", proposal.device_id)
    return (
        f"sluice master put limit_override limit_id=tuned-{limit_name}-{scope_id} scope={scope} scope_id={scope_id} "
        f"limit_name={limit_name} value={proposal.after.limit:g}"
    )


def _missed(said: str) -> PastAlarm:
    device_id, _, time = said.rpartition("=")
    try:
        moment = datetime.fromisoformat(time)
    except ValueError as error:
        raise SluiceError(f"expected `DEVICE=TIME`, such as `room-1=2026-11-02T10:00Z`, got `{said}`") from error
    at = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    return PastAlarm(Span(device_id, at, at), was_missed=True)


def limit_to_tune(rule: Rule, limit: str) -> str:
    """The limit that `limit` names, which may be empty where there is one; raises SluiceError."""
    limits = list(rule.header.limits)
    if limit in limits:
        return limit
    if not limit and len(limits) == 1:
        return limits[0]
    if not limits:
        raise SluiceError(f"{rule.name} has no limits: there is nothing to tune")
    raise SluiceError(f"{rule.name} has the limits {', '.join(limits)}: name one by --limit")


def _report(
    rule: Rule,
    name: str,
    now: float,
    past: Sequence[PastAlarm],
    replayed: dict[float, list[Span]],
    num_messages: int,
) -> None:
    known = come_again(now, past, replayed)
    num_false, num_missed = sum(alarm.is_false for alarm in past), sum(alarm.was_missed for alarm in past)
    _out.print(f"{len(past) - num_missed} alarms, {num_false} marked as false, {num_missed} missed")
    _out.print(f"{num_messages:,} messages replayed, in which {len(known) - num_missed} of the alarms come again\n")
    _out.print(_tried_table(now, [outcome(tried, known, spans) for tried, spans in replayed.items()]))
    proposals = propose(now, past, replayed)
    if not proposals:
        _out.print(f"\nnothing to propose: it takes {LEAST_ALARMS} alarms, and a limit better than {now:g}")
        return
    _out.print("\nto approve one:")
    for proposal in proposals:
        before, after = proposal.before, proposal.after
        change = (
            f"precision {before.precision:.0%} → {after.precision:.0%}, recall {before.recall:.0%} → {after.recall:.0%}"
        )
        _out.print(f"  {approval(rule.product, name, proposal)}", soft_wrap=True)
        _out.print(f"    {proposal.device_id or 'the product'}: {before.limit:g} → {after.limit:g}, {change}")


def _tried_table(now: float, outcomes: Sequence[Outcome]) -> Table:
    table = Table(
        *("limit", "found", "false", "new", "precision", "recall"), box=None, header_style="bold", pad_edge=False
    )
    for each in sorted(outcomes, key=lambda outcome: outcome.limit):
        mark = " (now)" if each.limit == now else ""
        found = f"{each.num_found} of {each.num_failures}"
        rates = f"{each.precision:.0%}", f"{each.recall:.0%}"
        table.add_row(f"{each.limit:g}{mark}", found, str(each.num_false), str(each.num_new), *rates)
    return table
