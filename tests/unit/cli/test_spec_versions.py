"""`sluice spec lock` and `sluice spec diff` as a person calls them."""

import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app

DOMAIN = "domain: telemetry\ntitle: Telemetry\n"
PROBE = """\
product: probe-1
title: Probe
version: 1
domain: telemetry
format: hex
layout: {kind: length, fields: [{name: level, type: u8, scale: 0.5, unit: "%"}]}
examples:
  - {payload: 64, expect: {level: 50}}
"""
RULE = "/* title: Low level */\nSELECT device_id, event_time, level AS `value` FROM probe_1_telemetry WHERE level < 5"


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    write(tmp_path, "domains/telemetry.yaml", DOMAIN)
    write(tmp_path, "products/probe-1.yaml", PROBE)
    write(tmp_path, "rules/probe-1/low_level.sql", RULE)
    write(tmp_path, "rules/probe-1/other.sql", "SELECT device_id -- level\nFROM probe_1_telemetry")
    return tmp_path


def write(specs: Path, name: str, text: str) -> None:
    (specs / name).parent.mkdir(parents=True, exist_ok=True)
    (specs / name).write_text(text)


def change(specs: Path, *replacements: tuple[str, str]) -> None:
    text = PROBE
    for old, new in replacements:
        text = text.replace(old, new)
    write(specs, "products/probe-1.yaml", text)


def spec(specs: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--specs", str(specs), "spec", *arguments], env={"COLUMNS": "200"})


def diff(specs: Path, *arguments: str) -> Result:
    return spec(specs, "diff", "--rules", str(specs / "rules"), *arguments)


class TestLock:
    def test_locks_a_version_once(self, specs: Path) -> None:
        assert spec(specs, "lock").stdout == "locked  probe-1  version 1\n"
        assert (specs / "versions/probe-1.json").exists()
        assert spec(specs, "lock").stdout == "every version is locked as it stands\n"

    def test_check_locks_nothing_and_fails(self, specs: Path) -> None:
        result = spec(specs, "lock", "--check")
        assert (result.exit_code, (specs / "versions").exists()) == (1, False)
        assert "probe-1: version 1 is not locked: run `sluice spec lock`" in result.stderr

    def test_a_changed_meaning_needs_another_version(self, specs: Path) -> None:
        spec(specs, "lock")
        change(specs, ("0.5", "0.25"))
        for command in (("lock",), ("lock", "--check"), ("test",)):
            result = spec(specs, *command)
            assert result.exit_code == 1
            assert "the meaning changed since version 1 was locked: set `version: 2`" in result.output
        change(specs, ("0.5", "0.25"), ("version: 1", "version: 2"), ("level: 50", "level: 25"))
        assert spec(specs, "test").exit_code == 0
        assert spec(specs, "lock").exit_code == 0


class TestDiff:
    def test_the_same_is_no_change(self, specs: Path) -> None:
        spec(specs, "lock")
        result = diff(specs)
        assert (result.exit_code, result.stdout) == (0, "no change\n")

    def test_an_added_field_is_compatible(self, specs: Path) -> None:
        spec(specs, "lock")
        change(specs, ("]}", ", {name: charging, type: bool}]}"), ("version: 1", "version: 2"))
        result = diff(specs)
        assert result.exit_code == 0
        assert "probe-1  version 1 → 2  compatible" in result.stdout
        assert "added (attribute)" in result.stdout

    def test_a_changed_unit_is_breaking_and_names_the_rules(self, specs: Path) -> None:
        spec(specs, "lock")
        change(specs, ('"%"', "mm"))
        result = diff(specs)
        assert result.exit_code == 1
        assert "probe-1  version 1  breaking  (set `version: 2`)" in result.stdout
        assert "unit % → mm" in result.stdout
        assert "probe-1/low_level.sql" in result.stdout
        assert "other.sql" not in result.stdout, "a comment names no column"

    def test_a_product_that_was_not_locked_is_new(self, specs: Path) -> None:
        assert diff(specs).stdout == "probe-1  version 1  new\n"

    def test_compares_with_another_folder(self, specs: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        other = tmp_path_factory.mktemp("other")
        write(other, "domains/telemetry.yaml", DOMAIN)
        write(other, "products/gone.yaml", PROBE.replace("probe-1", "gone"))
        result = diff(specs, "--against", str(other))
        assert (result.exit_code, result.stdout) == (1, "probe-1  version 1  new\ngone  removed, breaking\n")

    def test_compares_with_a_git_revision(self, specs: Path) -> None:
        git = ["git", "-C", str(specs), "-c", "user.name=x", "-c", "user.email=x@example.org"]
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
            subprocess.run([*git, *command], check=True)
        change(specs, ("name: level", "name: fill"), ("{level: 50}", "{fill: 50}"))
        result = diff(specs, "--against", "HEAD")
        assert result.exit_code == 1
        assert "removed" in result.stdout
        assert diff(specs, "--against", "nowhere").exit_code == 1
        assert "neither a folder with `products` nor a git revision" in diff(specs, "--against", "nowhere").stderr
