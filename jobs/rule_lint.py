"""Lints and explains rules: compiles them against the views of the catalog, in a JVM without a cluster."""

from collections.abc import Sequence

from pyflink.table import ExplainDetail

from jobs.platform import one_java_thread
from jobs.rule_compiler import compile_rules
from jobs.rule_runner import environment_with
from jobs.rules import Rule, RuleError, RuleErrors
from jobs.views import rule_views
from udfs.catalog import Catalog


def lint_rules(rules: Sequence[Rule], catalog: Catalog) -> list[RuleError]:
    """The faults of rules that can be read, in the order of the rules."""
    with one_java_thread():
        _, refused = compile_rules(environment_with([], catalog), rules, rule_views(catalog))
    return refused


def explain_rule(rule: Rule, catalog: Catalog) -> str:
    """Flink's physical plan of a rule with what each step gives (I: rows are added only); raises RuleErrors."""
    with one_java_thread():
        t_env = environment_with([], catalog)
        _, refused = compile_rules(t_env, [rule], rule_views(catalog))
        if refused:
            raise RuleErrors(refused)
        plan = t_env.explain_sql(rule.select, ExplainDetail.CHANGELOG_MODE)
    return str(plan).partition("== Optimized Physical Plan ==")[2].partition("== Optimized Execution Plan ==")[0].strip()
