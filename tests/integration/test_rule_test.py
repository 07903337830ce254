"""`sluice rule test` as a rule engineer uses it: a copy of the project's rules, run through Flink."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SLUICE = Path(sys.executable).with_name("sluice")
FAILING = """
  - name: expects too early
    series:
      - device: cold-room-1
        measurements: {temperature: [4, 9, 4]}
    alarms:
      - {at: 0 s, device: cold-room-1, state: raised, value: 9}
"""


def rule_test(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SLUICE), "rule", "test", *arguments], cwd=folder, capture_output=True, text=True, timeout=180, check=False
    )


def copy_rules(folder: Path) -> Path:
    shutil.copytree(ROOT / "sql" / "rules", folder / "sql" / "rules")
    shutil.copytree(ROOT / "specs", folder / "specs")
    return folder / "sql" / "rules"


def test_every_case_passes_but_one_that_expects_something_else(tmp_path: Path) -> None:
    cases = copy_rules(tmp_path) / "coldroom-logger" / "too_warm.test.yaml"
    cases.write_text(cases.read_text() + FAILING)
    result = rule_test(tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "coldroom-logger/too_warm: expects too early" in result.stdout
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "expected - 0 s cold-room-1 raised 9" in lines
    assert "got + 10 s cold-room-1 raised 9 critical" in lines
    assert any(line.endswith(" 1 failed in " + line.rpartition(" in ")[2]) for line in lines)
    assert result.stdout.count("FAILED") == 1
    assert result.stderr == ""


def test_a_thousand_devices_of_a_site_are_one_notification(tmp_path: Path) -> None:
    cases = copy_rules(tmp_path) / "coldroom-logger" / "too_warm.test.yaml"
    devices = [f"room-{number}" for number in range(1000)]
    series = [{"device": device, "site": "S1", "measurements": {"temperature": [9, 9, 9, 9, 4]}} for device in devices]
    raised = [{"at": "0 s", "device": device, "state": "raised"} for device in devices]
    cleared = [{"at": "50 s", "device": device, "state": "cleared"} for device in devices]
    told = [{"at": at, "state": state, "alarms": 1000} for at, state in (("30 s", "sent"), ("50 s", "resolved"))]
    case = {"name": "all at once", "series": series, "alarms": [*raised, *cleared], "notifications": told}
    cases.write_text(json.dumps({"cases": [case]}))
    result = rule_test(tmp_path, "too_warm")
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr


def test_a_rule_that_flink_refuses_is_named_with_the_cause(tmp_path: Path) -> None:
    rule = copy_rules(tmp_path) / "coldroom-logger" / "too_warm.sql"
    rule.write_text(rule.read_text().replace("temperature AS", "temprature AS"))
    result = rule_test(tmp_path, "too_warm")
    assert result.returncode == 1
    assert "too_warm.sql:" in result.stderr
    assert "temprature" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_rule_is_answered_with_the_nearest(tmp_path: Path) -> None:
    copy_rules(tmp_path)
    result = rule_test(tmp_path, "coldroom-logger/to_warm")
    assert result.returncode == 1
    assert result.stderr == "unknown rule `coldroom-logger/to_warm`, did you mean `coldroom-logger/too_warm`?\n"
