"""Lints and explains rules: compiles them against the views of the catalog, in a JVM without a cluster."""

from collections.abc import Sequence

from jobs.platform import one_java_thread
from jobs.rule_compiler import compile_rules, physical_plan
from jobs.rule_runner import environment_with, mini_cluster
from jobs.rules import Rule, RuleError, RuleErrors
from jobs.views import rule_views
from udfs.catalog import Catalog


def lint_rules(rules: Sequence[Rule], catalog: Catalog) -> list[RuleError]:
    """The faults of rules that can be read, in the order of the rules."""
    with one_java_thread():
        _, refused = compile_rules(environment_with(mini_cluster(), [], catalog), rules, rule_views(catalog))
    return refused


def explain_rule(rule: Rule, catalog: Catalog) -> str:
    """Flink's plan of a rule, see physical_plan; raises RuleErrors."""
    with one_java_thread():
        t_env = environment_with(mini_cluster(), [], catalog)
        compiled, refused = compile_rules(t_env, [rule], rule_views(catalog))
        if refused:
            raise RuleErrors(refused)
        return physical_plan(t_env, compiled[0].rule)
