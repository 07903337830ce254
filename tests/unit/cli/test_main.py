"""What every command has in common."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from local.process import LOOPBACK, free_port

PROPERTIES = Path(__file__).parents[3] / "flink-conf" / "local.json"


@pytest.fixture
def nothing_answers(monkeypatch: pytest.MonkeyPatch) -> int:
    """A deployment of which no store answers; their port."""
    port = free_port()
    for name, value in {
        "SLUICE_PROPERTIES": str(PROPERTIES),
        "SLUICE_AWS_ENDPOINT": f"http://{LOOPBACK}:{port}",
        "SLUICE_AURORA_HOST": LOOPBACK,
        "SLUICE_AURORA_PORT": str(port),
        "SLUICE_AURORA_USER": "sluice",
        "SLUICE_AURORA_PASSWORD": "secret",
        "SLUICE_DOCUMENTDB_URI": f"mongodb://{LOOPBACK}:{port}/?serverSelectionTimeoutMS=100",
        "SLUICE_LAKE_WAREHOUSE": "s3://lake/warehouse",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    return port


@pytest.mark.parametrize(
    "command",
    ["quality", "dlq list", "alarm list", "aggregate rebuild", "formula run", "master put product product=x"],
)
def test_a_store_that_is_away_is_told_in_place_of_a_traceback(command: str, nothing_answers: int) -> None:
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert str(nothing_answers) in result.output


def test_a_fault_of_our_own_has_its_traceback(monkeypatch: pytest.MonkeyPatch, nothing_answers: int) -> None:
    monkeypatch.setattr("cli.quality.MongoClient", None)
    assert isinstance(CliRunner().invoke(app, ["quality"]).exception, TypeError)
