"""`sluice rule lint` as a rule engineer uses it: every fault with its place and its mend, and nothing else refused."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SLUICE = Path(sys.executable).with_name("sluice")
HEADER = "/*\ntitle: T\nseverity: major\ntype: threshold\nlimits: {t_max: {default: 40, unit: Cel}}\n*/\n"
PATTERN = """\
SELECT device_id, event_time FROM messages
MATCH_RECOGNIZE (
  ORDER BY event_time
  MEASURES A.device_id AS device_id, A.event_time AS event_time
  PATTERN (A)
  DEFINE A AS A.product = 'x'
)"""
MATCH = """\
SELECT device_id, event_time FROM milesight_am319_telemetry
MATCH_RECOGNIZE (
  PARTITION BY device_id ORDER BY event_time
  MEASURES LAST(B.event_time) AS event_time
  PATTERN ({}) WITHIN INTERVAL '5' MINUTE
  DEFINE A AS A.temperature > 30, B AS B.temperature > {}
)"""
JOIN = (
    "SELECT a.device_id, a.event_time FROM messages AS a JOIN meitrack_aaa_telemetry AS b ON a.site_id = b.site_id "
    "AND b.event_time BETWEEN a.event_time - INTERVAL '{}' DAY AND a.event_time"
)
MODEL = "SELECT device_id, event_time FROM TABLE({}(data => TABLE {}, reading => DESCRIPTOR({}){}))"
AM319 = "milesight_am319_telemetry"
IN_PATTERN = """\
SELECT device_id, event_time FROM milesight_am319_telemetry
MATCH_RECOGNIZE (
  PARTITION BY device_id ORDER BY event_time
  MEASURES A.event_time AS event_time
  PATTERN (A B) WITHIN INTERVAL '5' MINUTE
  DEFINE A AS drift(A.co2) > 1
)"""
BAD = {
    "model_argument": (
        MODEL.format("seasonal_z", AM319, "co2", ", seasn => INTERVAL '1' DAY"),
        "7:130: `seasonal_z` has no argument `seasn`, did you mean `season`?",
    ),
    "model_column": (
        MODEL.format("drift", AM319, "cO2", ""),
        "7:35: `milesight_am319_telemetry` has no column `cO2`, did you mean `co2`?",
    ),
    "model_view": (MODEL.format("drift", "am319", "co2", ""), "7:35: no view `am319`"),
    "model_horizon": (
        MODEL.format("forecast", AM319, "co2", ""),
        "7:41: `forecast` needs `horizon => INTERVAL '6' HOUR`",
    ),
    "model_endpoint": (
        MODEL.format("novelty", AM319, "co2", ", endpoint => 'lambda:x'"),
        "7:130: expected `sagemaker:ENDPOINT` or `bedrock:MODEL`",
    ),
    "model_in_pattern": (IN_PATTERN, "12:15: `drift` is a table: FROM TABLE(drift(data => TABLE …, reading =>"),
    "column": (
        "SELECT device_id, event_time, temprature AS `value`\nFROM milesight_am319_telemetry",
        "7:31: Flink refuses the rule: Column 'temprature' not found in any table, did you mean `temperature`?",
    ),
    "view": (
        "SELECT device_id, event_time FROM milesight_am319_telemety",
        "7:35: no view `milesight_am319_telemety`, did you mean `milesight_am319_telemetry`?",
    ),
    "store": (
        "SELECT device_id, event_time FROM lake.sluice.messages",
        "7:35: no view `lake.sluice.messages`: rules read typed views and `messages`",
    ),
    "ddl": ("DROP TABLE messages", "7:1: a rule is one SELECT, this is DROP_TABLE"),
    "insert": ("INSERT INTO messages SELECT * FROM messages", "7:8: a rule is one SELECT, this is INSERT"),
    "two": ("SELECT device_id, event_time FROM messages; SELECT 1", '7:43: Flink refuses the rule: Encountered ";"'),
    "limit": (
        "SELECT device_id, event_time FROM milesight_am319_telemetry\nWHERE temperature > limits['t_mx']",
        "8:28: the header has no limit `t_mx`, did you mean `t_max`?",
    ),
    "no_time": ("SELECT device_id FROM messages", "7:1: the SELECT has no column `event_time`; it gives device_id"),
    "grouped": (
        "SELECT device_id, MAX(event_time) AS event_time FROM messages GROUP BY device_id",
        "7:1: rows of this SELECT change after they were given: aggregate in windows",
    ),
    "joined": (
        "SELECT a.device_id, a.event_time FROM messages AS a JOIN meitrack_aaa_telemetry AS b ON a.site_id = b.site_id",
        "7:1: this join keeps every row for ever: bound it",
    ),
    "pattern": (PATTERN, "8:1: MATCH_RECOGNIZE without PARTITION BY mixes all devices: add `PARTITION BY device_id`"),
    "alternatives": (MATCH.format("A | B", 0), "11:12: a pattern has no alternatives: DEFINE one variable by"),
    "group": (MATCH.format("A (A B)+ B", 0), "11:15: a pattern has no groups: repeat single variables"),
    "exclusion": (MATCH.format("{- A -} B", 0), "11:12: a pattern excludes nothing: write the variable without"),
    "permutation": (MATCH.format("PERMUTE(A, B)", 0), "11:12: a pattern has one order: write the variables one after"),
    "before": (
        MATCH.format("A B", "PREV(A.temperature)"),
        "12:56: `PREV` is not supported in a pattern: name that row",
    ),
    "behind": (
        MATCH.format("A B", "NEXT(A.temperature)"),
        "12:56: `NEXT` is not supported in a pattern: name that row",
    ),
    "anchor": (MATCH.format("^ A B", 0), "11:12: a stream has no first and no last row: leave `^` out"),
    "all_rows": (
        MATCH.format("A B", 0).replace("  PATTERN", "  ALL ROWS PER MATCH\n  PATTERN"),
        "11:3: `ALL ROWS PER MATCH` is not supported: write `ONE ROW PER MATCH`",
    ),
    "endless_loop": (MATCH.format("A+ B", 0), "11:12: `A` has no end, and each of its rows is followed on its own"),
    "endless_times": (
        MATCH.format("A{3,}? B", 0),
        "11:12: `A` has no end, and each of its rows is followed on its own",
    ),
    "many_rows": (MATCH.format("A{1,1000} B", 0), "11:12: a match of up to 1001 rows costs too much, 100 is the most"),
    "many_ways": (MATCH.format("A{1,20}? B{1,20}?", 0), "11:12: a match in up to 400 ways costs too much"),
    "greedy_end": (MATCH.format("A B{1,9}", 0), "11:14: a pattern cannot end by the greedy `B`"),
    "missing_behind_greedy": (MATCH.format("A{1,9} B? A", 0), "11:19: `B` may be missing behind the greedy `A`"),
    "reluctant_missing": (MATCH.format("A?? B", 0), "11:12: a reluctant `A` that may be missing is not supported"),
    "changing_input": (
        (
            "SELECT device_id, event_time FROM (SELECT device_id, MAX(event_time) AS event_time FROM messages "
            "GROUP BY device_id)\nMATCH_RECOGNIZE (PARTITION BY device_id ORDER BY event_time "
            "MEASURES LAST(A.event_time) AS event_time PATTERN (A) WITHIN INTERVAL '5' MINUTE DEFINE A AS TRUE)"
        ),
        "8:1: rows of this SELECT change after they were given: aggregate in windows",
    ),
    "hidden_behind_with": (
        "WITH occurrences AS (SELECT * FROM occurrences) SELECT device_id, event_time FROM occurrences, messages",
        "7:36: no view `occurrences`: rules read typed views and `messages`",
    ),
    "in_subquery": (
        "SELECT device_id, event_time FROM messages WHERE device_id IN (SELECT device_id FROM dead_letters)",
        "7:86: no view `dead_letters`: rules read typed views and `messages`",
    ),
    "behind_a_hint": (
        "SELECT a.device_id, a.event_time FROM messages AS a, dead_letters /*+ OPTIONS('a' = 'b') */ AS b",
        "7:54: no view `dead_letters`: rules read typed views and `messages`",
    ),
    "sampled": (
        "SELECT device_id, event_time FROM lake.sluice.messages TABLESAMPLE BERNOULLI(10)",
        "7:35: no view `lake.sluice.messages`: rules read typed views and `messages`",
    ),
    "set_option": ("SET 'parallelism.default' = '64'", "7:1: a rule is one SELECT, this is OTHER"),
    "other_product": (
        "SELECT device_id, event_time FROM meitrack_aaa_telemetry",
        "7:1: the SELECT reads no view of milesight-am319, whose limits and devices it is about: read milesight_am319_",
    ),
    "limit_of_another": (
        JOIN.format(1) + "\nWHERE b.speed_kmh > b.limits['t_max']",
        "8:21: devices of `meitrack_aaa_telemetry` have no limits of milesight-am319",
    ),
    "computed_limit": (
        "SELECT device_id, event_time FROM messages\nWHERE 1 > limits[CONCAT('t_', 'max')]",
        "8:18: a limit is called by its name: write limits['name']",
    ),
    "by_the_clock": (
        "SELECT device_id, event_time FROM messages\nWHERE event_time > CURRENT_TIMESTAMP - INTERVAL '5' MINUTE",
        "8:20: `CURRENT_TIMESTAMP` says something else at each run, and a replay gives other alarms",
    ),
    "unix_time": (
        "SELECT device_id, event_time FROM messages\nWHERE event_time > TO_TIMESTAMP_LTZ(UNIX_TIMESTAMP() - 300, 0)",
        "8:37: `UNIX_TIMESTAMP` says something else at each run, and a replay gives other alarms",
    ),
    "dice": ("SELECT device_id, event_time FROM messages WHERE RAND() > 0.5", "7:50: `RAND` says something else at"),
    "no_partition": (
        (
            "SELECT device_id, event_time, SUM(temperature) OVER\n(ORDER BY event_time) AS `value` "
            "FROM milesight_am319_telemetry"
        ),
        "8:1: OVER without PARTITION BY mixes all devices: add `PARTITION BY device_id`",
    ),
    "first_rows": (
        "SELECT device_id, event_time FROM messages LIMIT 9",
        "7:50: LIMIT and OFFSET count the rows of all time, after which the rule is silent",
    ),
    "cast": (
        "SELECT device_id, event_time,\nCAST(attributes['x'] AS DOUBLE) AS `value` FROM messages",
        "8:1: CAST stops the whole job at a value that is no DOUBLE: write TRY_CAST",
    ),
    "text_above_number": (
        "SELECT device_id, event_time FROM messages\nWHERE attributes['x'] > 5",
        "8:7: a text is compared as INTEGER, which stops the whole job at one that is none: write TRY_CAST(… AS INTEGE",
    ),
    "text_among_numbers": (
        "SELECT device_id, event_time FROM messages\nWHERE product NOT IN (1, 2)",
        "8:7: a text is compared as INTEGER, which stops the whole job",
    ),
    "text_between_numbers": (
        "SELECT device_id, event_time FROM messages\nWHERE 3 BETWEEN measurements['x'] AND attributes['x']",
        "8:39: a text is compared as INTEGER, which stops the whole job",
    ),
    "text_in_a_pattern": (
        MATCH.format("A B", 0).replace("A.temperature", "A.device_id"),
        "8:1: a text is compared as INTEGER, which stops the whole job",
    ),
    "text_of_a_case": (
        "SELECT device_id, event_time FROM messages\nWHERE CASE device_id WHEN 5 THEN TRUE ELSE FALSE END",
        "8:12: a text is compared as INTEGER, which stops the whole job",
    ),
    "whole_number_by_nothing": (
        "SELECT device_id, event_time,\n10 / EXTRACT(MINUTE FROM event_time) AS `value` FROM messages",
        "8:6: a whole number divided by 0 stops the whole job: write NULLIF(…, 0), which gives null",
    ),
    "rest_of_nothing": (
        "SELECT device_id, event_time,\nMOD(spec_version, 0) AS `value` FROM messages",
        "8:19: a whole number divided by 0 stops the whole job",
    ),
    "json_with_errors": (
        "SELECT device_id, event_time,\nJSON_VALUE(attributes['x'], '$.a' ERROR ON ERROR) AS a FROM messages",
        "8:1: ERROR of JSON_VALUE stops the whole job at a text that is no such JSON: write NULL in its place",
    ),
    "element": (
        "SELECT device_id, event_time,\nELEMENT(quality) AS a FROM messages",
        "8:1: ELEMENT stops the whole job at an array of several: write […][1]",
    ),
    "text_as_value": (
        "SELECT device_id, event_time, product AS `value` FROM messages",
        "7:1: the column `value` is a number, the SELECT gives VARCHAR",
    ),
    "text_as_time": (
        "SELECT device_id, product AS event_time FROM messages",
        "7:1: the column `event_time` is a time, the SELECT gives VARCHAR",
    ),
    "long_join": (
        JOIN.format(30),
        "7:1: this join keeps the rows of more than 7 days: shorten the interval of its ON",
    ),
}
ALIKE = (
    "SELECT device_id, event_time, {} OVER\n(PARTITION BY {} ORDER BY event_time{}) AS x FROM milesight_am319_telemetry"
)
STEPS = (
    "SELECT device_id, window_time AS event_time, AVG(temperature) AS `value` FROM TABLE({}(TABLE "
    "milesight_am319_telemetry, DESCRIPTOR(event_time),\n{})) GROUP BY device_id, window_start, window_end, window_time"
)
BAD |= {
    "constant_partition": (ALIKE.format("SUM(co2)", "1", ""), "8:15: this PARTITION BY mixes all devices: write"),
    "partition_of_time": (
        ALIKE.format("SUM(co2)", "FLOOR(event_time TO HOUR)", ""),
        "8:15: this PARTITION BY mixes all devices: write `PARTITION BY device_id`",
    ),
    "partition_of_a_moment": (
        ALIKE.format("LAG(co2)", "device_id, event_time", ""),
        "8:26: by `event_time` nearly every row is alone: leave it out of PARTITION BY",
    ),
    "pattern_of_a_constant": (
        MATCH.format("A B", 0).replace("PARTITION BY device_id", "PARTITION BY 1"),
        "9:16: this PARTITION BY mixes all devices: write `PARTITION BY device_id`",
    ),
    "long_pattern": (
        MATCH.format("A B", 0).replace("'5' MINUTE", "'60' DAY"),
        "11:24: rules keep rows for 7 d at most: shorten the interval",
    ),
    "pattern_of_no_time": (
        MATCH.format("A B", 0).replace("'5' MINUTE", "'0' MINUTE"),
        "11:24: this interval holds nothing: write one above 0",
    ),
    "many_windows": (
        STEPS.format("HOP", "INTERVAL '1' SECOND, INTERVAL '6' DAY"),
        "8:1: each row counts in 518400 windows, 300 is the most: step by 1728 s or more",
    ),
    "many_windows_of_names": (
        STEPS.format("CUMULATE", "INTERVAL '1' SECOND, INTERVAL '1' HOUR").replace(
            "TABLE milesight_am319_telemetry, DESCRIPTOR(event_time),\nINTERVAL '1' SECOND, INTERVAL '1' HOUR",
            "DATA => TABLE milesight_am319_telemetry, TIMECOL => DESCRIPTOR(event_time),\n"
            "SIZE => INTERVAL '1' HOUR, STEP => INTERVAL '1' SECOND",
        ),
        "8:36: each row counts in 3600 windows, 300 is the most: step by 12 s or more",
    ),
    "many_windows_of_group_by": (
        (
            "SELECT device_id, HOP_ROWTIME(event_time, INTERVAL '1' SECOND, INTERVAL '1' DAY) AS event_time\n"
            "FROM milesight_am319_telemetry GROUP BY device_id, HOP(event_time, INTERVAL '1' SECOND, INTERVAL '1' DAY)"
        ),
        "8:68: each row counts in 86400 windows, 300 is the most: step by 288 s or more",
    ),
    "long_window": (STEPS.format("TUMBLE", "INTERVAL '8' DAY"), "8:1: rules keep rows for 7 d at most: shorten"),
    "long_range": (
        ALIKE.format("SUM(co2)", "device_id", " RANGE BETWEEN INTERVAL '2' MONTH PRECEDING AND CURRENT ROW"),
        "8:59: rules keep rows for 7 d at most: shorten the interval",
    ),
    "many_rows_back": (
        ALIKE.format("LAG(co2, 5000)", "device_id", ""),
        "7:40: 5000 rows are kept of each device, 1000",
    ),
    "many_rows_of_over": (
        ALIKE.format("SUM(co2)", "device_id", " ROWS BETWEEN 5000 PRECEDING AND CURRENT ROW"),
        "8:58: 5000 rows are kept of each device, 1000 is the most: lower it, or go by windows",
    ),
    "values_of_all_time": (
        ALIKE.format("COUNT(DISTINCT co2)", "device_id", ""),
        "7:31: this keeps every value for ever: begin OVER by `RANGE BETWEEN INTERVAL '1' DAY PRECEDING",
    ),
    "null_is_equal_to_nothing": (
        "SELECT device_id, event_time FROM milesight_am319_telemetry WHERE temperature = NULL",
        "7:1: no row can meet these conditions: one excludes another, or something `= NULL`, which is IS NULL",
    ),
    "both_below_and_above": (
        "SELECT device_id, event_time FROM milesight_am319_telemetry WHERE temperature > 5 AND temperature < 3",
        "7:1: no row can meet these conditions",
    ),
}
BAD |= {
    "format_of_another_database": (
        "SELECT device_id, event_time,\nDATE_FORMAT(event_time, 'YYYY-MM-DD HH24:MI:SS') AS x FROM messages",
        "8:25: DATE_FORMAT stops the whole job by this format (Unknown pattern letter: I): write one such as 'yyyy-MM-",
    ),
    "format_of_a_zone": (
        "SELECT device_id, event_time,\nDATE_FORMAT(event_time, 'HH:mm z') AS x FROM messages",
        "8:25: DATE_FORMAT stops the whole job by this format (Unable to extract ZoneId from temporal",
    ),
    "format_of_seconds": (
        "SELECT device_id, event_time,\nFROM_UNIXTIME(1, 'foo') AS x FROM messages",
        "8:18: FROM_UNIXTIME stops the whole job by this format (Illegal pattern character 'f')",
    ),
    "format_of_a_date": (
        "SELECT device_id, event_time,\nTO_DATE(product, 'foo') AS x FROM messages",
        "8:18: TO_DATE stops the whole job by this format (Illegal pattern character 'f')",
    ),
    "format_of_a_column": (
        "SELECT device_id, event_time,\nUNIX_TIMESTAMP(product, product) AS x FROM messages",
        "8:25: a format of UNIX_TIMESTAMP that is none stops the whole job: write it out, such as 'yyyy-MM-dd",
    ),
    "base64": (
        "SELECT device_id, event_time,\nFROM_BASE64(product) AS x FROM messages",
        "8:1: FROM_BASE64 stops the whole job at a text that is none: decode it in the product's spec",
    ),
}
GOOD = {
    "formats": (
        "SELECT device_id, event_time, DATE_FORMAT(event_time, 'HH:mm') AS x, FROM_UNIXTIME(1, 'yyyy') AS y, "
        "UNIX_TIMESTAMP(product, 'yyyy-MM-dd') AS z, TO_DATE(product, 'dd.MM.yyyy') AS d FROM messages"
    ),
    "site_together": ALIKE.format("LISTAGG(device_id)", "site_id", " ROWS BETWEEN 9 PRECEDING AND CURRENT ROW"),
    "day_by_five_minutes": STEPS.format("HOP", "INTERVAL '5' MINUTE, INTERVAL '1' DAY, INTERVAL '1' SECOND"),
    "week": STEPS.format("TUMBLE", "INTERVAL '7' DAY"),
    "session_named": (
        "SELECT device_id, window_time AS event_time, COUNT(*) AS `value` FROM TABLE(SESSION(TABLE "
        "milesight_am319_telemetry PARTITION BY device_id, DESCRIPTOR(event_time), INTERVAL '5' MINUTE)) AS s "
        "GROUP BY device_id, window_start, window_end, window_time"
    ),
    "interval_join": JOIN.format(5),
    "pattern_with_ends": MATCH.format("A{1,60}? B", 0),
    "subquery_named": (
        "WITH a AS (SELECT * FROM messages), b AS (SELECT * FROM a) SELECT device_id, event_time FROM b "
        "ORDER BY event_time"
    ),
    "two_branches": (
        "SELECT device_id, event_time FROM messages UNION ALL "
        "SELECT device_id, event_time FROM milesight_am319_telemetry -- ; DROP TABLE messages"
    ),
    "window": (
        "SELECT device_id, window_time AS event_time, AVG(temperature) AS `value` FROM TABLE(TUMBLE(TABLE "
        "milesight_am319_telemetry, DESCRIPTOR(event_time), INTERVAL '1' MINUTE)) "
        "GROUP BY device_id, window_start, window_end, window_time"
    ),
    "unix_time_of_a_text": ("SELECT device_id, event_time FROM messages WHERE UNIX_TIMESTAMP(attributes['since']) > 0"),
    "with_query": (
        "WITH hot AS (SELECT * FROM milesight_am319_telemetry WHERE temperature > limits['t_max']) "
        "SELECT device_id, event_time FROM hot"
    ),
    "safe_at_every_value": (
        "SELECT device_id, event_time, CAST(spec_version AS DOUBLE) / EXTRACT(MINUTE FROM event_time) AS `value`, "
        "MOD(spec_version, 2) AS odd, 10 / NULLIF(spec_version, 0) AS part, JSON_VALUE(attributes['x'], '$.a') AS a "
        "FROM messages WHERE event_time > '2020-01-01 00:00:00' AND TRY_CAST(attributes['x'] AS DOUBLE) IN (1, 2.5) "
        "AND measurements['a'] / measurements['b'] > 2 AND attributes['x'] BETWEEN '5' AND attributes['y']"
    ),
    "change": (
        "SELECT device_id, event_time, temperature - LAG(temperature) OVER "
        "(PARTITION BY device_id ORDER BY event_time) AS `value` FROM milesight_am319_telemetry"
    ),
}


CLEARS = {"always_clear": "'true'", "clear_and_more": "co2 < 500 ORDER BY event_time"}


@pytest.fixture(scope="module")
def linted(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    folder = tmp_path_factory.mktemp("lint")
    shutil.copytree(ROOT / "sql/rules", folder / "rules")
    for name, select in {**{name: select for name, (select, _) in BAD.items()}, **GOOD}.items():
        (folder / "rules/milesight-am319" / f"{name}.sql").write_text(HEADER + select)
    for name, condition in CLEARS.items():
        header = HEADER.replace("*/", f"clear: {condition}\n*/")
        (folder / "rules/milesight-am319" / f"{name}.sql").write_text(header + GOOD["change"])
    cleared = HEADER.replace("*/", "clear: co2 < 500\n*/")
    (folder / "rules/milesight-am319/model_with_clear.sql").write_text(
        cleared + MODEL.format("drift", AM319, "co2", "")
    )
    (folder / "rules/no-product").mkdir()
    (folder / "rules/no-product/rule.sql").write_text(HEADER + GOOD["window"])
    (folder / "rules/milesight-am319/header.sql").write_text(HEADER.replace("severity", "sevrity") + "SELECT 1")
    command = [str(SLUICE), "rule", "lint", "--rules", "rules"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180, check=False)


@pytest.mark.parametrize("name", BAD)
def test_a_fault_is_told_with_its_place_and_its_mend(linted: subprocess.CompletedProcess[str], name: str) -> None:
    assert linted.returncode == 1
    assert f"rules/milesight-am319/{name}.sql:{BAD[name][1]}" in linted.stderr


def test_a_header_is_read_as_strictly(linted: subprocess.CompletedProcess[str]) -> None:
    place = "rules/milesight-am319/header.sql:3:1: header: unknown key `sevrity`, did you mean `severity`?"
    assert place in linted.stderr


def test_a_folder_is_called_after_its_product(linted: subprocess.CompletedProcess[str]) -> None:
    assert "rules/no-product/rule.sql:7:1: there is no product `no-product`: a rule stands in" in linted.stderr


def test_a_pattern_without_end_is_refused(linted: subprocess.CompletedProcess[str]) -> None:
    assert "pattern.sql:8:1: MATCH_RECOGNIZE without WITHIN keeps its rows for ever" in linted.stderr


def test_a_clear_condition_is_one_and_reads_a_column(linted: subprocess.CompletedProcess[str]) -> None:
    place = "always_clear.sql:6:1: clear: it reads no column, and so holds always or never: compare one"
    assert place in linted.stderr
    assert "clear_and_more.sql:6:1: clear: expected a condition and nothing behind it" in linted.stderr


def test_nothing_else_is_refused(linted: subprocess.CompletedProcess[str]) -> None:
    refused = {line.split(".sql:")[0].rpartition("/")[2] for line in linted.stderr.splitlines()}
    assert refused == {*BAD, *CLEARS, "header", "rule"}
    readable = len(list(ROOT.glob("sql/rules/*/*.sql"))) + len(BAD) + len(GOOD) + len(CLEARS) + 2
    num_faults = len(linted.stderr.splitlines())
    assert linted.stdout.splitlines()[-1] == f"{readable} rules, {num_faults} faults"


@pytest.mark.parametrize("command", ["lint", "explain"])
def test_a_rule_that_cannot_be_read_is_known_by_its_name(tmp_path: Path, command: str) -> None:
    (tmp_path / "rules/dsmr-p1").mkdir(parents=True)
    (tmp_path / "rules/dsmr-p1/unread.sql").write_text("SELECT 1")
    asked = [str(SLUICE), "rule", command, "unread", "--rules", "rules"]
    told = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False)
    assert told.returncode == 1
    assert told.stderr.startswith("rules/dsmr-p1/unread.sql:1:1: expected a header")


def test_a_rule_is_explained_by_flinks_plan() -> None:
    command = [str(SLUICE), "rule", "explain", "power_cut_then_moving"]
    explained = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert explained.returncode == 0, explained.stderr
    assert "Match(partitionBy=[device_id]" in explained.stdout
    assert "changelogMode=[I]" in explained.stdout


START = """\
import sys
from pathlib import Path
from jobs.platform import read_project, runnable_rules
from jobs.rule_runner import environment_with, mini_cluster
from jobs.rules import RuleErrors

project = read_project(Path(sys.argv[1]))
t_env = environment_with(mini_cluster(), [], project.catalog)
print([compiled.rule.name for compiled in runnable_rules(t_env, project, strict=False)])
try:
    runnable_rules(t_env, project, strict=True)
except RuleErrors as refused:
    print(len(refused.errors), "faults stop the start")
"""


def test_at_the_jobs_start_the_other_rules_run_unless_it_is_strict(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "sql", tmp_path / "sql")
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    for name in ("column", "store"):
        (tmp_path / "sql/rules/milesight-am319" / f"{name}.sql").write_text(HEADER + BAD[name][0])
    (tmp_path / "sql/rules/milesight-am319/header.sql").write_text("SELECT 1")
    environment = {**os.environ, "FLINK_CONF_DIR": str(ROOT / "flink-conf"), "FLINK_LOG_DIR": str(tmp_path)}
    command = [sys.executable, "-c", START, str(tmp_path)]
    started = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    rules = sorted(f"{path.parent.name}/{path.stem}" for path in ROOT.glob("sql/rules/*/*.sql"))
    assert started.stdout.splitlines() == [str(rules), "3 faults stop the start"], started.stderr
    assert started.stderr.count("rule refused, the others run: ") == 3
