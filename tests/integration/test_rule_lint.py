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
BRANCHES = """\
SELECT device_id, event_time FROM messages
MATCH_RECOGNIZE (
  PARTITION BY device_id ORDER BY event_time
  MEASURES A.event_time AS event_time
  PATTERN ((A | B)) WITHIN INTERVAL '5' MINUTE
  DEFINE A AS A.product = 'x', B AS B.product = 'y'
)"""
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
    "branches": (BRANCHES, "8:1: Flink refuses the rule: Expression not supported: |"),
}
GOOD = {
    "interval_join": (
        "SELECT a.device_id, a.event_time FROM messages AS a JOIN meitrack_aaa_telemetry AS b ON a.site_id = b.site_id "
        "AND b.event_time BETWEEN a.event_time - INTERVAL '5' MINUTE AND a.event_time"
    ),
    "window": (
        "SELECT device_id, window_time AS event_time, AVG(temperature) AS `value` FROM TABLE(TUMBLE(TABLE "
        "milesight_am319_telemetry, DESCRIPTOR(event_time), INTERVAL '1' MINUTE)) "
        "GROUP BY device_id, window_start, window_end, window_time"
    ),
    "with_query": (
        "WITH hot AS (SELECT * FROM milesight_am319_telemetry WHERE temperature > limits['t_max']) "
        "SELECT device_id, event_time FROM hot"
    ),
    "change": (
        "SELECT device_id, event_time, temperature - LAG(temperature) OVER "
        "(PARTITION BY device_id ORDER BY event_time) AS `value` FROM milesight_am319_telemetry"
    ),
}


@pytest.fixture(scope="module")
def linted(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    folder = tmp_path_factory.mktemp("lint")
    shutil.copytree(ROOT / "sql/rules", folder / "rules")
    for name, select in {**{name: select for name, (select, _) in BAD.items()}, **GOOD}.items():
        (folder / "rules/milesight-am319" / f"{name}.sql").write_text(HEADER + select)
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


def test_a_pattern_without_end_is_refused(linted: subprocess.CompletedProcess[str]) -> None:
    assert "pattern.sql:8:1: MATCH_RECOGNIZE without WITHIN keeps its rows for ever" in linted.stderr


def test_nothing_else_is_refused(linted: subprocess.CompletedProcess[str]) -> None:
    refused = {line.split(".sql:")[0].rpartition("/")[2] for line in linted.stderr.splitlines()}
    assert refused == {*BAD, "header"}
    readable = len(list(ROOT.glob("sql/rules/*/*.sql"))) + len(BAD) + len(GOOD)
    num_faults = len(linted.stderr.splitlines())
    assert linted.stdout.splitlines()[-1] == f"{readable} rules, {num_faults} faults"


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
