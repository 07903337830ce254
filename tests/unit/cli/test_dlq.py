"""The commands' arguments, and what is said where there is nothing to read from."""

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.main import app

COMMANDS = [("list",), ("show", "ab" * 16), ("replay", "--dry-run")]


def dlq(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["dlq", *arguments])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_without_a_stack_it_says_how_to_get_one(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLUICE_PROPERTIES", raising=False)
    result = dlq(*command, "--run-dir", str(tmp_path / ".run"))
    assert result.exit_code == 1
    assert "`sluice stack up` or `make run`" in result.output


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_property_file_that_is_not_there_is_named(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_PROPERTIES", str(tmp_path / "gone.json"))
    result = dlq(*command)
    assert result.exit_code == 1
    assert "gone.json" in result.output


@pytest.mark.parametrize("since", ["24h", "90 s", "2026-01-05", "2026-01-05T08:00:00Z"])
def test_since_is_a_time_or_a_duration(since: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLUICE_PROPERTIES", str(tmp_path / "gone.json"))
    assert "gone.json" in dlq("list", "--since", since).output


@pytest.mark.parametrize("since", ["yesterday", "24", "-1h", "9999999999h"])
def test_since_of_another_form_is_refused(since: str) -> None:
    result = dlq("list", "--since", since)
    assert result.exit_code == 2
    assert "neither ISO 8601" in " ".join(result.output.split())
