"""`sluice run` as a user types it: exits 0 only when all stores agree with what the fleet sent."""

import re
import subprocess
import sys
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
RUN_SECONDS = 45
"""Long enough for every script of the fleet: episodes, the tow sequence, the raised limit."""


def test_run_reconciles_all_stores_and_leaves_no_process(tmp_path: Path) -> None:
    sluice = Path(sys.executable).parent / "sluice"
    command = [str(sluice), "run", "--run-seconds", str(RUN_SECONDS), "--run-dir", str(tmp_path / "run")]
    command += ["--restarts", "1"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=400, check=False)
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-2000:]
    assert re.search(r"killed \d+ Python workers", ended.stdout)
    assert "reconciled" in ended.stdout
    assert "differs" not in ended.stdout
    assert re.search(r"latency p50 \d", ended.stdout)
    assert alarms_raised(ended.stdout) > 0
    assert [p.pid for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(p.info["cmdline"] or [])] == []


def alarms_raised(output: str) -> int:
    [expected, found] = re.findall(r"alarms\s+Aurora alarm\s+(\d+)\s+(\d+)\s+ok", output)[0]
    assert expected == found
    return int(found)
