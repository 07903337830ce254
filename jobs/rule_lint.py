"""Lints rules: compiles them against the views of the catalog, in a JVM without a cluster."""

from collections.abc import Sequence

from jobs.platform import one_java_thread
from jobs.rule_compiler import compile_rules
from jobs.rule_runner import environment_with
from jobs.rules import Rule, RuleError
from jobs.views import rule_views
from udfs.catalog import Catalog


def lint_rules(rules: Sequence[Rule], catalog: Catalog) -> list[RuleError]:
    """The faults of rules that can be read, in the order of the rules."""
    with one_java_thread():
        _, refused = compile_rules(environment_with([], catalog), rules, rule_views(catalog))
    return refused
