"""`sluice spec new` as a person calls it."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app

ROOT = Path(__file__).parents[3]


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "specs/domains", tmp_path / "specs/domains")
    (tmp_path / "specs/products").mkdir()
    return tmp_path / "specs"


def spec(specs: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--specs", str(specs), "spec", *arguments])


def test_without_payloads_it_is_a_skeleton_that_passes(specs: Path) -> None:
    result = spec(specs, "new", "box-1", "--title", "Box: one")
    assert result.exit_code == 0
    assert "then `sluice spec test box-1`" in result.stdout
    assert 'title: "Box: one"' in (specs / "products/box-1.yaml").read_text()
    assert spec(specs, "test", "box-1").exit_code == 0


def test_from_payloads_it_passes_too(specs: Path, tmp_path: Path) -> None:
    examples = tmp_path / "examples.yaml"
    examples.write_text('- {payload: "0a01", expect: {level: 10}}\n- {payload: "1401", expect: {level: 20, mood: 7}}\n')
    result = spec(specs, "new", "box-1", "--from-examples", str(examples))
    assert result.exit_code == 0
    assert "2 examples" in result.stdout
    assert "not explained by the bytes: mood" in result.stdout
    assert spec(specs, "test", "box-1").exit_code == 0


def test_a_file_is_not_replaced_unasked(specs: Path) -> None:
    spec(specs, "new", "box-1")
    (specs / "products/box-1.yaml").write_text("mine")
    result = spec(specs, "new", "box-1")
    assert (result.exit_code, (specs / "products/box-1.yaml").read_text()) == (1, "mine")
    assert "--force" in result.stderr
    assert spec(specs, "new", "box-1", "--force").exit_code == 0


def test_it_can_be_printed(specs: Path) -> None:
    result = spec(specs, "new", "box-1", "--out", "-")
    assert "product: box-1" in result.stdout
    assert list((specs / "products").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Box_1",), "is no product name"),
        (("box-1", "--domain", "telemetri"), "did you mean `telemetry`?"),
        (("box-1", "--format", "xml"), "it is one of hex, json, csv, text"),
        (("box-1", "--from-examples", "nowhere.txt"), "nowhere.txt cannot be read"),
    ],
)
def test_what_is_wrong_is_told(specs: Path, arguments: tuple[str, ...], message: str) -> None:
    result = spec(specs, "new", *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
