"""The project's files are read and checked before anything starts."""

import shutil
from pathlib import Path

import pytest

from jobs.platform import read_project
from udfs.errors import SpecError


@pytest.fixture
def project(root, tmp_path) -> Path:
    for folder in ("specs", "sql"):
        shutil.copytree(root / folder, tmp_path / folder)
    return tmp_path


def test_every_product_and_every_rule_is_found(root) -> None:
    project = read_project(root)
    assert set(project.catalog.products) == {path.stem for path in root.glob("specs/products/*.yaml")}
    assert [rule.file for rule in project.rules] == [str(path) for path in sorted(root.glob("sql/rules/*/*.sql"))]


@pytest.mark.parametrize(
    "file", ["specs/products/broken.yaml", "specs/domains/broken.yaml", "specs/masters/broken.yaml"]
)
def test_a_broken_spec_is_refused_with_its_file(project, file) -> None:
    (project / file).write_text("x: 1\n")
    with pytest.raises(SpecError, match=rf"{file.removeprefix('specs/')}:1:\d+: "):
        read_project(project)


def test_a_broken_rule_is_refused_with_its_file_and_the_others_are_read(project) -> None:
    rule = project / "sql/rules/milesight-am319/new.sql"
    rule.write_text("SELECT 1")
    read = read_project(project)
    assert [str(error).removeprefix(str(rule)) for error in read.refused] == [
        ":1:1: expected a header `/* title: ... severity: ... */` before the SELECT"
    ]
    assert len(read.rules) == len(list(project.glob("sql/rules/*/*.sql"))) - 1
