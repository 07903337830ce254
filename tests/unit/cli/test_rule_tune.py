"""`sluice rule tune`: which of a rule's limits is meant."""

import pytest

from cli.rule_tune import limit_to_tune
from jobs.rules import Header, Limit, Rule
from udfs.errors import SluiceError


def rule(*limits: str) -> Rule:
    stated = {name: Limit(1, "Cel") for name in limits}
    header = Header(title="Too hot", severity="minor", type="threshold", limits=stated)
    return Rule("am319/too_hot", "am319", "too_hot.sql", header, "SELECT 1")


def test_the_only_limit_need_not_be_named() -> None:
    assert limit_to_tune(rule("t_max"), "") == "t_max"
    assert limit_to_tune(rule("t_max", "t_min"), "t_min") == "t_min"


@pytest.mark.parametrize(
    ("limits", "asked", "message"),
    [
        ((), "", "am319/too_hot has no limits: there is nothing to tune"),
        (("t_max", "t_min"), "", "am319/too_hot has the limits t_max, t_min: name one by --limit"),
        (("t_max",), "t_mx", "am319/too_hot has the limits t_max: name one by --limit"),
    ],
)
def test_another_one_is_told_by_those_that_there_are(limits: tuple[str, ...], asked: str, message: str) -> None:
    with pytest.raises(SluiceError) as refused:
        limit_to_tune(rule(*limits), asked)
    assert str(refused.value) == message
