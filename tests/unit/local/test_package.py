"""What goes into the zip, from a small project without libraries; the real one is started in tests/integration."""

import json
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest

from local.package import PackageError, build_package, dependencies

ROOT = Path(__file__).parents[3]
SERVICE_GROUP = "kinesis.analytics.flink.run.options"
FILES = {
    "main.py": "",
    "pyproject.toml": "[project]\ndependencies = []\n",
    "requirements/lock.txt": "",
    "target/sluice.jar": "jar",
    "jobs/platform.py": "",
    "jobs/__pycache__/platform.pyc": "",
    "udfs/layouts/text.py": "",
    "cli/main.py": "",
    "local/stack.py": "",
    "specs/masters/p.yaml": "",
    "sql/rules/p/r.sql": "",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / name).write_text(text)
    return tmp_path / "p"


def test_the_zip_holds_what_the_job_needs_and_nothing_else(project: Path, tmp_path: Path) -> None:
    built = build_package(project, tmp_path / "out" / "sluice.zip")
    assert ZipFile(built.path).namelist() == [
        "lib/sluice.jar",
        "main.py",
        "python/jobs/platform.py",
        "python/udfs/layouts/text.py",
        "specs/masters/p.yaml",
        "sql/rules/p/r.sql",
    ]
    assert (built.num_files, built.size) == (6, built.path.stat().st_size)


def test_the_same_files_give_the_same_bytes(project: Path, tmp_path: Path) -> None:
    first = build_package(project, tmp_path / "a.zip").path.read_bytes()
    (project / "main.py").touch()
    (project / "main.py").chmod(0o755)
    assert build_package(project, tmp_path / "b.zip").path.read_bytes() == first


def test_a_missing_jar_is_named(project: Path, tmp_path: Path) -> None:
    (project / "target" / "sluice.jar").unlink()
    with pytest.raises(PackageError, match=r"sluice\.jar is missing: `make package`"):
        build_package(project, tmp_path / "a.zip")


def test_a_version_that_is_not_locked_is_named(project: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "specs/domains", project / "specs/domains")
    (project / "specs/products").mkdir()
    shutil.copy(ROOT / "specs/products/talkpool-oy1700.yaml", project / "specs/products")
    with pytest.raises(PackageError, match="talkpool-oy1700 version 1 is not locked: run `sluice spec lock`"):
        build_package(project, tmp_path / "a.zip")


def test_a_zip_that_the_service_would_refuse_is_not_left(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.package.MAX_BYTES", 100)
    with pytest.raises(PackageError, match="the service takes 100"):
        build_package(project, tmp_path / "out" / "sluice.zip")
    assert list((tmp_path / "out").iterdir()) == []


def test_flink_stays_outside() -> None:
    assert not [requirement for requirement in dependencies(ROOT) if "flink" in requirement]


def keys(file: str) -> dict[str, list[str]]:
    groups = json.loads((ROOT / "flink-conf" / file).read_text())
    return {g["PropertyGroupId"]: list(g["PropertyMap"]) for g in groups if g["PropertyGroupId"] != SERVICE_GROUP}


def test_the_property_files_of_laptop_and_service_have_the_same_keys() -> None:
    assert keys("managed.json") == keys("local.json")


def test_the_property_file_of_the_service_leads_to_what_is_in_the_zip() -> None:
    groups = json.loads((ROOT / "flink-conf" / "managed.json").read_text())
    [options] = [g["PropertyMap"] for g in groups if g["PropertyGroupId"] == SERVICE_GROUP]
    assert options == {"python": "main.py", "jarfile": "lib/sluice.jar", "pyFiles": "python/"}
