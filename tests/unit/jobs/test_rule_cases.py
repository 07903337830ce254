import re
import shutil
from pathlib import Path

import pytest

from jobs import rows
from jobs.rule_case_files import read_all_cases, read_cases
from jobs.rule_cases import AlarmChange, CaseMessage, PlannedCase, case_messages, differs, in_order, plan_cases
from jobs.rules import Rule, default_limits, read_rule, read_rules
from udfs.catalog import Catalog
from udfs.errors import SpecErrors

ROOT = Path(__file__).parents[3]
HOT = ROOT / "sql" / "rules" / "milesight-am319" / "over_temperature.sql"
CASE = """
cases:
  - name: hot
    series:
      - device: room-1
        every: 10 s
        measurements: {temperature: [22, null, 41]}
    alarms: []
"""


@pytest.fixture
def rule(tmp_path: Path) -> Rule:
    folder = tmp_path / "milesight-am319"
    folder.mkdir()
    (folder / "over_temperature.sql").write_text(HOT.read_text())
    return read_rule(folder / "over_temperature.sql")


def write_cases(rule: Rule, text: str) -> None:
    Path(rule.file).with_suffix(".test.yaml").write_text(text)


def plan(rule: Rule, text: str, catalog: Catalog) -> list[PlannedCase]:
    write_cases(rule, text)
    return plan_cases([(rule, case) for case in read_cases(rule, catalog)])


def test_a_message_of_a_case_has_the_columns_of_the_job() -> None:
    assert list(CaseMessage._fields) == rows.MESSAGE.get_field_names()


def test_a_series_becomes_messages_and_a_null_is_a_gap(rule: Rule, catalog: Catalog) -> None:
    [planned] = plan(rule, CASE, catalog)
    messages = case_messages(planned, catalog, default_limits([rule]))
    assert [(m.event_time - planned.zero, m.measurements) for m in messages] == [
        (0, {"temperature": 22.0}),
        (20_000, {"temperature": 41.0}),
    ]
    assert {(m.product, m.domain, m.device_id) for m in messages} == {("milesight-am319", "telemetry", "case0:room-1")}
    assert [m.limits for m in messages] == [{"temperature_max": 40}] * 2


def test_a_late_reading_keeps_its_time_and_arrives_in_its_order(rule: Rule, catalog: Catalog) -> None:
    [planned] = plan(rule, CASE.replace("    alarms", "        late: {0 s: 25 s}\n    alarms"), catalog)
    messages = case_messages(planned, catalog, {})
    assert [m.event_time - planned.zero for m in messages] == [20_000, 0]


def test_the_limit_of_a_device_stands_before_the_default(rule: Rule, catalog: Catalog) -> None:
    [planned] = plan(
        rule, CASE.replace("    alarms", "    limits: {room-1: {temperature_max: 30}}\n    alarms"), catalog
    )
    messages = case_messages(planned, catalog, default_limits([rule]))
    assert [m.limits for m in messages] == [{"temperature_max": 30}] * 2


def test_attributes_are_texts_as_decoding_gives_them(rule: Rule, catalog: Catalog) -> None:
    text = CASE.replace("    alarms", "        attributes: {activity: [trigger, null, true]}\n    alarms")
    [planned] = plan(rule, text, catalog)
    assert [m.attributes for m in case_messages(planned, catalog, {})] == [
        {"activity": "trigger"},
        {"activity": "true"},
    ]


def test_cases_follow_one_another_and_a_long_one_gets_more_room(rule: Rule, catalog: Catalog) -> None:
    long = CASE.replace("every: 10 s", "every: 100 h").replace("cases:\n", "").replace("hot", "long")
    first, second, third = plan(rule, CASE + long + CASE.replace("cases:\n", "").replace("hot", "last"), catalog)
    week = 7 * 86_400_000
    assert second.zero - first.zero == week
    assert third.zero - second.zero == 2 * week
    assert len({case.own("room-1") for case in (first, second, third)}) == 3


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("temperature:", "temprature:", "no measurement of milesight-am319 `temprature`, did you mean `temperature`?"),
        ("device: room-1", "device: room-1\n        product: am319", "no product `am319`"),
        ("    alarms: []", "    limits: {room-9: {}}\n    alarms: []", "no series of the device `room-9`"),
        ("    alarms: []", "    limits: {room-1: {temp_max: 1}}\n    alarms: []", "did you mean `temperature_max`?"),
        ("alarms: []", "alarms: [{at: 0 s, device: r, state: raised}]", "no series of the device `r`"),
        ("alarms: []", "alarms: [{at: 0 s, device: room-1, state: rised}]", "did you mean `raised`?"),
        ("    alarms", "        late: {5 s: 9 s}\n    alarms", "no reading at 5 s"),
        ("    alarms", "        late: {10 s: 9 s}\n    alarms", "a reading of 10 s cannot arrive before, at 9 s"),
        ("41]", "41], humidity: [40]", "1 values, another list of the series has 3; write null for a gap"),
        ("[22, null, 41]", "[]", "a series without a value"),
        ("every: 10 s", "every: 10 days", "every"),
        ("seri", "sery", "unknown key `seryes`, did you mean `series`?"),
    ],
)
def test_a_case_that_could_never_run_is_refused_with_its_place(
    rule: Rule, catalog: Catalog, old: str, new: str, fault: str
) -> None:
    write_cases(rule, CASE.replace(old, new))
    with pytest.raises(SpecErrors) as caught:
        read_all_cases([rule], catalog)
    text = str(caught.value.errors[0])
    assert fault in text
    assert text.startswith(f"{Path(rule.file).with_suffix('.test.yaml')}:")


def test_two_cases_of_one_name_are_refused(rule: Rule, catalog: Catalog) -> None:
    write_cases(rule, CASE + CASE.replace("cases:\n", ""))
    with pytest.raises(SpecErrors, match="2 cases of this file have the name `hot`"):
        read_all_cases([rule], catalog)


def test_a_test_file_without_its_rule_is_refused(rule: Rule, catalog: Catalog) -> None:
    write_cases(rule, CASE)
    Path(rule.file).with_name("gone.test.yaml").write_text(CASE)
    with pytest.raises(SpecErrors, match=r"no rule gone\.sql beside it"):
        read_all_cases([rule], catalog)


RAISED = AlarmChange(10_000, "room-1", "raised", 41.0)


@pytest.mark.parametrize(
    ("expected", "got", "different"),
    [
        ([], [], False),
        ([], [RAISED], True),
        ([RAISED], [], True),
        ([RAISED], [RAISED], False),
        ([RAISED._replace(value=None)], [RAISED], False),
        ([RAISED._replace(value=42.0)], [RAISED], True),
        ([RAISED._replace(at=20_000)], [RAISED], True),
        ([RAISED._replace(device="room-2")], [RAISED], True),
    ],
)
def test_changes_are_compared_in_all_that_is_stated(
    expected: list[AlarmChange], got: list[AlarmChange], different: bool
) -> None:
    assert differs(expected, got) is different


def test_at_one_time_the_old_alarm_is_cleared_first() -> None:
    cleared = RAISED._replace(state="cleared")
    assert in_order([RAISED, cleared]) == [cleared, RAISED]


def test_every_rule_of_the_project_has_cases(catalog: Catalog) -> None:
    for path in (ROOT / "sql" / "rules").glob("*/*.sql"):
        rule = read_rule(path)
        assert read_cases(rule, catalog), f"{rule.name} has no timed cases"


def test_the_header_and_the_case_of_the_documentation_belong_together(tmp_path: Path, catalog: Catalog) -> None:
    header, case = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/rules.md").read_text(), re.DOTALL)
    shutil.copytree(ROOT / "sql/rules/dsmr-p1", tmp_path / "dsmr-p1")
    (tmp_path / "tinovi-pm-io-5-sm").mkdir()
    (tmp_path / "tinovi-pm-io-5-sm/pipe_leaks.sql").write_text(f"/*\n{header}*/\nSELECT 1")
    (tmp_path / "tinovi-pm-io-5-sm/pipe_leaks.test.yaml").write_text(case)
    documented = read_rules(tmp_path)[-1]
    assert [case.name for case in read_cases(documented, catalog)] == ["leaks while somebody works at it"]
