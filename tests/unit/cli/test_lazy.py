"""Commands are imported when they are asked for, and are otherwise as if they always were."""

import subprocess
import sys
from typing import ClassVar

import pytest
from typer.testing import CliRunner

from cli.lazy import LazyGroup
from cli.main import Commands, app
from cli.rule import RuleCommands
from cli.spec import SpecCommands

HEAVY = ("pyflink", "duckdb", "pyiceberg", "boto3", "pymongo", "litestar")


@pytest.mark.parametrize("command", [["spec"], ["decode"], ["spec", "test"], ["rule", "lint"]])
def test_a_command_loads_nothing_that_others_need(command: list[str]) -> None:
    script = (
        "import sys; from cli.main import app; app(standalone_mode=False); "
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, *command, "--help"], capture_output=True, text=True, check=True
    )
    assert "Usage" in ended.stdout
    assert ended.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("group", "names"), [([], Commands.lazy), (["rule"], RuleCommands.lazy), (["spec"], SpecCommands.lazy)]
)
def test_the_help_of_a_group_names_all_its_commands_and_each_has_a_help_of_its_own(
    group: list[str], names: dict[str, str]
) -> None:
    told = CliRunner().invoke(app, [*group, "--help"]).output
    for name in names:
        assert f"│ {name} " in told
        assert (
            f"Usage: root {' '.join([*group, name])} [OPTIONS]"
            in CliRunner().invoke(app, [*group, name, "--help"]).output
        )


@pytest.mark.parametrize(
    ("typed", "meant"), [(["spce"], "'spec'"), (["rule", "tunes"], "'tune'"), (["rule", "lnit"], "'lint'")]
)
def test_a_mistyped_command_is_told_from_those_that_are_not_imported_yet(typed: list[str], meant: str) -> None:
    ended = CliRunner().invoke(app, typed, env={"COLUMNS": "200"})
    assert ended.exit_code == 2
    assert f"Did you mean {meant}" in ended.output


def test_a_place_that_is_not_there_is_an_error() -> None:
    class Broken(LazyGroup):
        lazy: ClassVar = {"gone": "cli.gone:gone"}

    with pytest.raises(ModuleNotFoundError, match=r"cli\.gone"):
        Broken().get_command(None, "gone")
