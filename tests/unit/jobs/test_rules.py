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
        ("inhibited_by: [am319/too_hott]\n", 5, "no other rule `am319/too_hott`"),
        ('limits: {"a\'b": {default: 1, unit: Cel}}\n', 5, "limit `a'b`: a name is of a-z, 0-9 and `_`"),
        ("limits: {t: {default: 1, unit: Celsius}}\n", 5, "limit `t`: unknown unit `Celsius`, did you mean `Cel`?"),
        ("inhibited_by: [am319/too_hot]\n", 5, "no other rule `am319/too_hot`"),
    ],
)
def test_parts_of_a_header_that_contradict_each_other_are_refused(tmp_path, header, line, message) -> None:
    write(tmp_path, HEADER + header)
    rules, (error,) = readable_rules(tmp_path)
    assert rules == []
    assert (error.line, error.message.startswith(f"header: {message}")) == (line, True)


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
