"""How a dead letter is shown, and what is said where there is nothing to read from."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from cli.dlq import render_letter
from cli.main import app
from udfs.message import Envelope

LINE = msgspec.json.encode(Envelope(product="am319", device="d1", protocol="tcp", received_at=1, payload="036734"))
LETTER = {
    "stream": "device-data",
    "product": "am319",
    "device_id": "d1",
    "reason": "truncated",
    "message": "temperature needs 2 bytes",
    "spec_version": 1,
    "field": "temperature",
    "byte_offset": 2,
    "excerpt": "036734",
    "shard_id": "shardId-0",
    "sequence_number": "495",
    "line": 3,
    "first_seen": datetime(2026, 1, 5, 8, 0, tzinfo=UTC),
    "raw": LINE,
}


def test_a_letter_shows_reason_place_and_a_caret_under_the_byte() -> None:
    lines = render_letter(LETTER).splitlines()
    assert lines[0] == "reason       truncated"
    excerpt = lines.index("excerpt      036734")
    assert lines[excerpt + 1] == "                 ^"
    assert lines[-2:] == ["seen         2026-01-05 08:00:00", "place        device-data shardId-0 495 line 3"]


def test_a_letter_without_a_place_has_no_caret() -> None:
    text = render_letter(LETTER | {"byte_offset": None, "field": None})
    assert "^" not in text
    assert "field        -" in text


def test_without_a_stack_it_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLUICE_PROPERTIES", raising=False)
    result = CliRunner().invoke(app, ["dlq", "show", "--run-dir", str(tmp_path / ".run")])
    assert result.exit_code == 1
    assert "`sluice stack up` or `make run`" in result.output


def test_a_property_file_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_PROPERTIES", str(tmp_path / "gone.json"))
    result = CliRunner().invoke(app, ["dlq", "show"])
    assert result.exit_code == 1
    assert "gone.json" in result.output
