"""Operator ids: every operator of the job is called after what it does and what it reads, so that a savepoint finds it.

Flink numbers the operators of SQL by their place in the whole plan: one more rule would move all of them, and their
state would be lost. Here an id is made of the operator's description and the ids of its inputs. A new rule leaves the
ids of others alone; a rule whose SQL changed has new ones for its own windows and patterns, which begin anew. What has
an id of its own (decode, lifecycle, notify) ends the chain: what stands behind it does not depend on what is before.
What commits to a table of the lake is called after the table alone, so that it finds what it has not committed yet also
when the table has gained a column.
"""

import re
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Final

from pyflink.datastream import StreamExecutionEnvironment

_PLACE_IN_PLAN: Final = re.compile(r"\[\d+\]|\$\d+\*|_Source_\d+")
"""Numbers that Flink counts over the whole plan."""

_UNION: Final = "UnionTransformation"
_VIRTUAL: Final = ("PartitionTransformation", "SideOutputTransformation")
"""These are no operators and take no id."""

_LAKE_SINK: Final = "IcebergSink "
"""How Iceberg calls the end behind what commits, before the name of the table."""


def name_operators(env: StreamExecutionEnvironment) -> list[str]:
    """Gives every operator that has none an id; the ids of all, in the order of the plan."""
    names: dict[int, str] = {}
    seen: Counter[str] = Counter()
    ids: list[str] = []
    roots = list(env._j_stream_execution_environment.getTransformations())
    committers = _lake_committers(roots)
    for transformation in _inputs_first(roots):
        kind, given = str(transformation.getClass().getSimpleName()), transformation.getUid()
        if kind == _UNION:  # what comes together may be more or less, it stays the same union
            names[int(transformation.getId())] = _UNION
            continue
        if given is None:
            given = committers.get(int(transformation.getId())) or _name(
                transformation, [names[each.getId()] for each in transformation.getInputs()], seen
            )
            if kind not in _VIRTUAL:
                transformation.setUid(given)
        if kind not in _VIRTUAL:
            ids.append(str(given))
        names[int(transformation.getId())] = str(given)
    return ids


def _lake_committers(roots: list[Any]) -> dict[int, str]:
    """What each committer of the lake is called, by its number."""
    sinks = [root for root in roots if str(root.getName()).startswith(_LAKE_SINK)]
    return {int(before.getId()): f"commit {sink.getName()}" for sink in sinks for before in sink.getInputs()}


def _inputs_first(roots: Any) -> Iterator[Any]:
    done: set[int] = set()
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        transformation, entered = stack.pop()
        if int(transformation.getId()) in done:
            continue
        if entered:
            done.add(int(transformation.getId()))
            yield transformation
        else:
            stack.append((transformation, True))
            stack += [(each, False) for each in reversed(list(transformation.getInputs()))]


def _name(transformation: Any, inputs: list[str], seen: Counter[str]) -> str:
    """The same description over the same inputs occurs again where Flink plans it twice: those are counted."""
    name = _PLACE_IN_PLAN.sub("", str(transformation.getName()))
    told = f"{name}|{_PLACE_IN_PLAN.sub('', str(transformation.getDescription()))}|{'|'.join(inputs)}"
    seen[told] += 1
    digest = blake2b(f"{told}|{seen[told]}".encode(), digest_size=12).hexdigest()
    return f"{name[:40]}-{digest}"
