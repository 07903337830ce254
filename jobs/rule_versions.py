"""Rule versions: at the start the job says which rule files changed since the last one, and what that means."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import blake2b

import psycopg

from jobs.config import Aurora
from jobs.rules import Rule

_log = logging.getLogger(__name__)


def announce_rules(aurora: Aurora, rules: Sequence[Rule], names: Collection[str]) -> None:
    """Logs how `rules` differ from those of the last start, which Aurora keeps, and keeps these.

    `names` are those of all rule files: one that cannot be read is what it was.
    """
    now = {rule.name: blake2b(rule.select.encode(), digest_size=16).hexdigest() for rule in rules}
    with psycopg.connect(aurora.conninfo(aurora.write_host)) as connection:
        rows = connection.execute("SELECT rule, digest FROM rule_version").fetchall()
        before: dict[str, str] = dict(rows)
        now = {name: digest for name, digest in before.items() if name in names} | now
        for line in differences(before, now):
            _log.info("%s", line)
        connection.execute("DELETE FROM rule_version")
        connection.cursor().executemany("INSERT INTO rule_version VALUES (%s, %s)", list(now.items()))


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """A line for each rule that is new, changed or gone."""
    for name in sorted(before.keys() | now.keys()):
        if name not in before:
            yield f"rule {name} is new: it judges what comes from now on"
        elif name not in now:
            yield f"rule {name} is gone: its open alarms are over when time or an operator next comes to them"
        elif before[name] != now[name]:
            yield (
                f"rule {name} changed: its open alarms go on by the new header; where its SELECT changed, "
                "its windows, patterns and models begin anew (a pattern of which only WITHIN changed goes on); "
                "other rules keep their state"
            )
