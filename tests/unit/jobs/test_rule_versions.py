"""What the job says of rule files at its start."""

from jobs.rule_versions import differences


def test_new_changed_and_gone_rules_are_told_and_others_are_not() -> None:
    told = list(
        differences({"a/same": "1", "a/changed": "1", "a/gone": "1"}, {"a/same": "1", "a/changed": "2", "b/new": "1"})
    )
    assert [line.split(":")[0] for line in told] == [
        "rule a/changed changed",
        "rule a/gone is gone",
        "rule b/new is new",
    ]
    assert "open alarms go on by the new header" in told[0]
