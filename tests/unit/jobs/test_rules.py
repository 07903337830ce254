"""Rule files: what a good one says, and the message, with file and line, for one that cannot be used."""

from pathlib import Path

import pytest

from jobs.episodes import Policy
from jobs.rules import Rule, RuleError, default_limits, read_rule, read_rules, readable_rules

HEADER = "title: Too hot\nseverity: major\ntype: threshold\n"
SELECT = "SELECT device_id, event_time FROM am319_telemetry"


def write(folder: Path, header: str = HEADER, name: str = "am319/too_hot.sql", select: str = SELECT) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"/*\n{header}*/\n{select};\n")
    return path


def refusal(path: Path) -> RuleError:
    with pytest.raises(RuleError) as caught:
        read_rule(path)
    error = caught.value
    assert str(error).splitlines()[0] == f"{path}:{error.line}:{error.column}: {error.message}"
    return caught.value


def test_a_rule_is_named_by_its_folder_and_file(tmp_path) -> None:
    rule = read_rule(
        write(tmp_path, HEADER + "limits: {temperature_max: {default: 40, unit: Cel}}\nclear_after: 5 min\n")
    )
    assert (rule.name, rule.product) == ("am319/too_hot", "am319")
    assert (rule.header.title, rule.header.severity, rule.policy.clear_after) == ("Too hot", "major", 300_000)
    assert rule.header.limits["temperature_max"].default == 40
    assert rule.select.endswith(SELECT)


def test_clear_after_is_a_minute_unless_the_header_says_otherwise(tmp_path) -> None:
    assert read_rule(write(tmp_path)).policy.clear_after == 60_000


def test_the_projects_own_rules_are_read_by_name(root) -> None:
    names = [rule.name for rule in read_rules(root / "sql/rules")]
    assert names == sorted(names)
    assert "meitrack-aaa/power_cut_then_moving" in names


def test_a_rule_without_header_is_refused(tmp_path) -> None:
    path = write(tmp_path)
    path.write_text(SELECT)
    assert refusal(path).message == "expected a header `/* title: ... severity: ... */` before the SELECT"


def test_a_file_of_another_encoding_leaves_the_others_alone(tmp_path) -> None:
    write(tmp_path)
    (tmp_path / "am319/latin.sql").write_bytes(b"/*\ntitle: Zu hei\xdf\n*/")
    (tmp_path / "am319/folder.sql").mkdir()
    rules, refused = readable_rules(tmp_path)
    assert [rule.name for rule in rules] == ["am319/too_hot"]
    assert [(error.rule, error.line, error.column, error.message[:16]) for error in refused] == [
        ("am319/folder", 1, 1, "the file cannot "),
        ("am319/latin", 2, 14, "this is no UTF-8"),
    ]


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path) -> None:
    path = write(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_rule(path).header.title == "Too hot"


@pytest.mark.parametrize("name", ["rule.sql", "am319/hot/rule.sql"])
def test_a_file_elsewhere_is_refused(tmp_path, name) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(f"/*\n{HEADER}*/\n{SELECT}")
    rules, refused = readable_rules(tmp_path)
    assert rules == []
    assert refused[0].message.startswith("expected <product>/<rule>.sql")


@pytest.mark.parametrize("name", ["am319/Too_Hot.sql", "am319/too hot.sql", "AM319/too_hot.sql", "am319/-.sql"])
def test_a_name_that_sql_would_need_to_quote_is_refused(tmp_path, name) -> None:
    assert refusal(write(tmp_path, name=name)).message.startswith("expected <product>/<rule>.sql")


@pytest.mark.parametrize(
    ("header", "place", "message"),
    [
        ("title: Hot\n", (2, 1), "header: missing key `severity`"),
        (HEADER + "sevirity: x\n", (5, 1), "header: unknown key `sevirity`, did you mean `severity`?"),
        (HEADER.replace("major", "mayor"), (3, 11), "header: unknown severity `mayor`, did you mean `major`?"),
        (HEADER + "limits: {t: {default: x, unit: m}}\n", (5, 23), "header: expected a number, got a text"),
        (HEADER + "owner: a: b\n", (5, 9), "header: no YAML: mapping values are not allowed"),
        (HEADER + "owner: [a\n", (6, 1), "header: no YAML: "),
    ],
)
def test_a_bad_header_says_what_is_wrong_and_where(tmp_path, header, place, message) -> None:
    error = refusal(write(tmp_path, header))
    assert (error.line, error.column) == place
    assert error.message.startswith(message)


@pytest.mark.parametrize("clear_after", ["soon", "5 days", "1.5 min", "-1 s", "1 w"])
def test_a_bad_duration_is_refused(tmp_path, clear_after) -> None:
    error = refusal(write(tmp_path, f"{HEADER}clear_after: {clear_after}\n"))
    assert (error.line, error.column) == (5, 14)
    assert error.message == f"header: expected a text like `20 s`, `5 min`, `2 h`, `7 d`, got `{clear_after}`"


def limited(folder: Path, name: str, default: float) -> Rule:
    return read_rule(write(folder, f"{HEADER}limits: {{t_max: {{default: {default}, unit: Cel}}}}\n", name=name))


def test_rules_of_a_product_share_a_limit(tmp_path) -> None:
    rules = [limited(tmp_path, name, 40) for name in ("a/one.sql", "a/two.sql", "b/one.sql")]
    assert default_limits([*rules, read_rule(write(tmp_path))]) == {"a": {"t_max": 40}, "b": {"t_max": 40}, "am319": {}}


def test_rules_of_a_product_must_agree_on_a_default(tmp_path) -> None:
    one, two = limited(tmp_path, "a/one.sql", 40), limited(tmp_path, "a/two.sql", 41)
    with pytest.raises(RuleError, match=r"a/two.sql:1:1: limit `t_max` defaults to 41.0 here, to 40.0 in a"):
        default_limits([one, two])


def test_a_clear_condition_leaves_an_alarm_open_for_a_day_without_readings(tmp_path) -> None:
    assert read_rule(write(tmp_path, HEADER + "clear: temperature < 8\n")).policy.clear_after == 86_400_000


@pytest.mark.parametrize(
    ("header", "line", "message"),
    [
        ("absent_after: 5 min\nfor: 10 s\n", 6, "`for` says nothing with `absent_after`"),
        ("absent_after: 5 min\nclear: a < 1\n", 6, "`clear` says nothing with `absent_after`"),
        ("escalation:\n  - {after: 5 min, severity: minor}\n", 5, "each step comes later and is graver"),
        (
            "escalation: [{after: 5 min, severity: critical}, {after: 1 min, severity: critical}]\n",
            5,
            "each step comes later and is graver",
        ),
        ("inhibited_by: [am319/too_hott]\n", 5, "no rule `am319/too_hott`; write product/rule"),
        ('limits: {"a\'b": {default: 1, unit: Cel}}\n', 5, "limit `a'b`: a name is of a-z, 0-9 and `_`"),
        ("limits: {t: {default: 1, unit: Celsius}}\n", 5, "limit `t`: unknown unit `Celsius`, did you mean `Cel`?"),
        ("limits: {t: {default: 1e999, unit: Cel}}\n", 5, "limit `t`: no value is beyond inf: write a finite number"),
        ("inhibited_by: [am319/too_hot]\n", 5, "a rule that inhibits itself is told to nobody"),
        ("absent_after: 5 min\nclear_after: 1 min\n", 6, "`clear_after` says nothing with `absent_after`"),
        ("absent_after: 5 min\nflapping: {times: 2, within: 1 h}\n", 6, "`flapping` says nothing with `absent_after`"),
        ("clear_after: 0 s\n", 5, "`0 s` is no time at all: write a duration such as `1 min`, or leave `clear_after`"),
        ("flapping: {times: 2, within: 0 min}\nclear: a < 1\n", 5, "`0 min` is no time at all"),
        ("for: 99999999999 d\n", 5, "`99999999999 d` is beyond what an alarm lives: write `366 d` or less"),
        ("escalation: [{after: 400 d, severity: critical}]\n", 5, "`400 d` is beyond what an alarm lives"),
        ("escalation: [{after: 0 s, severity: critical}]\n", 5, "each step comes later and is graver"),
        (
            "escalation: [{after: 2 h, severity: critical}]\nclose_after: 1 h\n",
            5,
            "`critical` never comes, the alarm is closed after 1 h: escalate before, or close later",
        ),
        (
            "flapping: {times: 3, within: 20 min}\nclear_after: 10 min\n",
            5,
            "3 alarms never come within 20 min, as each takes 10 min: let `within` be longer",
        ),
        ('schedule: {name: day, opens: "08:00", closes: "08:00"}\n', 5, "it opens and closes at 08:00: leave both out"),
    ],
)
def test_parts_of_a_header_that_contradict_each_other_are_refused(tmp_path, header, line, message) -> None:
    write(tmp_path, HEADER + header)
    rules, (error,) = readable_rules(tmp_path)
    assert rules == []
    assert (error.line, error.message.startswith(f"header: {message}")) == (line, True)


def test_rules_that_inhibit_each_other_are_refused(tmp_path) -> None:
    for name, other in (("one", "two"), ("two", "three"), ("three", "one"), ("four", "one")):
        write(tmp_path, f"{HEADER}inhibited_by: [a/{other}]\n", name=f"a/{name}.sql")
    rules, refused = readable_rules(tmp_path)
    assert [rule.name for rule in rules] == ["a/four"]
    assert [(error.rule, error.line, error.message) for error in refused] == [
        (
            f"a/{name}",
            5,
            f"header: `a/{other}` is inhibited by this rule in turn, so nobody hears of either: leave one out",
        )
        for name, other in (("one", "two"), ("three", "one"), ("two", "three"))
    ]


def test_a_schedule_from_midnight_to_midnight_is_open_all_day(tmp_path) -> None:
    write(tmp_path, HEADER + 'schedule: {name: weekend, days: "sat,sun", opens: "00:00", closes: "00:00"}\n')
    assert readable_rules(tmp_path)[1] == []


@pytest.mark.parametrize(
    ("schedule", "column", "message"),
    [
        ("days: mon-fry", 33, "expected a text like `mon-fri`, `mon,wed,sat`, `mon-thu,sat`, got `mon-fry`"),
        ("days: mon-wed-fri", 33, "expected a text like `mon-fri`"),
        ('opens: "8:00"', 34, "expected a text like `08:00`, `17:30`, got `8:00`"),
    ],
)
def test_days_and_times_are_told_as_they_are_written(tmp_path, schedule, column, message) -> None:
    error = refusal(write(tmp_path, HEADER + f"schedule: {{name: working, {schedule}}}\n"))
    assert (error.line, error.column, error.message.startswith(f"header: {message}")) == (5, column, True)


@pytest.mark.parametrize("times", [1, 17])
def test_flapping_counts_as_many_alarms_as_are_remembered(tmp_path, times) -> None:
    error = refusal(write(tmp_path, HEADER + f"flapping: {{times: {times}, within: 1 d}}\n"))
    assert (error.line, error.column, error.message[:31]) == (5, 19, "header: expected a whole number")


def test_the_policy_is_the_header_in_milliseconds(tmp_path) -> None:
    more = (
        "for: 10 s\nrepeated: 3\nclose_after: 7 d\nflapping: {times: 4, within: 1 h}\n"
        "escalation: [{after: 15 min, severity: critical}]\n"
    )
    assert read_rule(write(tmp_path, HEADER + more)).policy == Policy(
        severity="major",
        hold=10_000,
        repeated=3,
        clear_after=60_000,
        close_after=604_800_000,
        flapping_times=4,
        flapping_within=3_600_000,
        escalation=((900_000, "critical"),),
    )
