"""`sluice rule docs`: one page with every rule, those that cannot be read among them."""

import shutil
from pathlib import Path

from typer.testing import CliRunner

from cli.main import app

ROOT = Path(__file__).parents[3]


def test_every_rule_is_on_the_page(tmp_path) -> None:
    rules = tmp_path / "rules"
    shutil.copytree(ROOT / "sql" / "rules", rules)
    (rules / "dsmr-p1" / "broken.sql").write_text("/*\ntitle: Broken\n*/\nSELECT 1")
    done = CliRunner().invoke(app, ["rule", "docs", "--rules", str(rules), "--out", str(tmp_path / "page")])
    assert done.exit_code == 0, done.output
    assert "1 that cannot be read" in done.output or "that cannot be read" in done.output
    page = (tmp_path / "page" / "index.html").read_text()
    for path in (ROOT / "sql" / "rules").glob("*/*.sql"):
        assert f'id="{path.parent.name}/{path.stem}"' in page
    assert "broken.sql:2:1: header: missing key `severity`" in page
    assert "escalation" in page
    assert "https://" not in page.replace("https://www", "")
