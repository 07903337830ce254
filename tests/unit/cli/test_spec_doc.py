"""`sluice spec doc` as a person calls it."""

from pathlib import Path

from typer.testing import CliRunner, Result

from cli.main import app

SPECS = Path(__file__).parents[3] / "specs"


def doc(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["--specs", str(SPECS), "spec", "doc", *arguments])


def test_writes_a_page_for_each_product_and_an_index(tmp_path: Path) -> None:
    result = doc("--out", str(tmp_path / "pages"))
    products = {path.stem for path in (SPECS / "products").glob("*.yaml")}
    assert result.stdout == f"{tmp_path / 'pages' / 'index.html'}  {len(products)} products\n"
    assert {path.stem for path in (tmp_path / "pages").iterdir()} == products | {"index"}


def test_writes_one_page(tmp_path: Path) -> None:
    result = doc("terabee-lm-xl", "--out", str(tmp_path))
    assert result.stdout == f"{tmp_path / 'terabee-lm-xl.html'}  1 product\n"
    assert [path.name for path in tmp_path.iterdir()] == ["terabee-lm-xl.html"]


def test_knows_no_other_product(tmp_path: Path) -> None:
    result = doc("terabee-lm-xs", "--out", str(tmp_path / "pages"))
    assert result.exit_code == 1
    assert result.stderr == "unknown product `terabee-lm-xs`, did you mean `terabee-lm-xl`?\n"
    assert not (tmp_path / "pages").exists()
