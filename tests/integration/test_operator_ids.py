"""Ids of operators: one more rule, or another text of one, leaves those of all other rules alone."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from jobs import rows
from jobs.lifecycle import Lifecycle
from jobs.operator_ids import name_operators
from jobs.platform import judge, one_java_thread
from jobs.rule_compiler import compile_rules
from jobs.rule_runner import environment_with, mini_cluster
from jobs.rules import Rule, read_rules
from jobs.views import rule_views
from udfs.catalog import Catalog, compile_catalog, read_specs

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return compile_catalog(read_specs(ROOT / "specs"))


@pytest.fixture(scope="module")
def rules() -> dict[str, Rule]:
    """Rules with windows, patterns, joins and models."""
    names = (
        "meitrack-aaa/power_cut_then_moving",
        "tektelic-t0007806/fire_suspected",
        "uradmonitor-a3/dust_unlike_before",
    )
    return {rule.name: rule for rule in read_rules(ROOT / "sql" / "rules") if rule.name in names}


def operator_ids(rules: list[Rule], catalog: Catalog) -> set[str]:
    with one_java_thread():
        env = mini_cluster()
        t_env = environment_with(env, [], catalog)
        compiled, refused = compile_rules(t_env, rules, rule_views(catalog))
        assert refused == []
        lifecycle = Lifecycle({rule.name: rule for rule in rules}, partial(list, ()))
        judge(t_env, compiled, lifecycle, None, env.from_collection([], rows.MASTER_CHANGE)).uid("lifecycle")
        return set(name_operators(env))


def test_one_more_rule_moves_no_id(catalog: Catalog, rules: dict[str, Rule]) -> None:
    first, *others = rules.values()
    without, with_all = operator_ids(others, catalog), operator_ids([first, *others], catalog)
    assert without < with_all


def test_another_text_of_a_rule_moves_its_own_ids_only(catalog: Catalog, rules: dict[str, Rule]) -> None:
    name = "meitrack-aaa/power_cut_then_moving"
    changed = replace(rules[name], select=rules[name].select.replace("event <> 22", "event <> 21"))
    others = operator_ids([rule for rule in rules.values() if rule.name != name], catalog)
    before, after = (
        operator_ids([*rules.values()], catalog),
        operator_ids([*(rules | {name: changed}).values()], catalog),
    )
    assert others < before
    assert others < after
    assert any("Match" in name for name in before - after)


def test_a_pattern_of_which_only_within_changed_goes_on(catalog: Catalog, rules: dict[str, Rule]) -> None:
    rule = rules["meitrack-aaa/power_cut_then_moving"]
    longer = replace(rule, select=rule.select.replace("WITHIN INTERVAL '5'", "WITHIN INTERVAL '9'"))
    assert longer != rule
    assert operator_ids([longer], catalog) == operator_ids([rule], catalog)


def test_the_same_project_has_the_same_ids(catalog: Catalog, rules: dict[str, Rule]) -> None:
    assert operator_ids([*rules.values()], catalog) == operator_ids([*rules.values()], catalog)
