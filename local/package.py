"""The zip for Amazon Managed Service for Apache Flink: what the job needs beside the Flink that the service brings.

main.py      entry point (run option `python`)
lib/         sluice.jar, the one jar (run option `jarfile`)
python/      packages jobs and udfs, and the libraries they import (run option `pyFiles`)
specs/ sql/  what engineers wrote

The same project and lock give the same bytes.
"""

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from udfs.catalog import compile_catalog, read_specs
from udfs.errors import SluiceError
from udfs.releases import read_releases, release_of

MAX_BYTES: Final = 512 * 1024 * 1024
"""The service takes no larger zip."""

SERVICE_PLATFORM: Final = "x86_64-manylinux2014"
"""What the service runs on; libraries with compiled parts are chosen for it, whatever machine builds the zip."""

PYTHON_VERSION: Final = "3.11"
_PACKAGES: Final = ("jobs", "udfs")
_DATA: Final = ("specs", "sql")
_LEFT_OUT: Final = ("__pycache__", "bin", ".lock")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class PackageError(SluiceError):
    """The zip cannot be built, or the service would refuse it."""


@dataclass(frozen=True)
class Package:
    """A zip that was built."""

    path: Path
    size: int
    num_files: int


def build_package(project: Path, target: Path, platform: str = SERVICE_PLATFORM) -> Package:
    """Writes `target` from the project's files; `platform` is one of uv's `--python-platform`. Raises PackageError."""
    jar = project / "target" / "sluice.jar"
    for needed in (project / "main.py", project / "requirements" / "lock.txt", jar):
        if not needed.exists():
            raise PackageError(f"{needed} is missing: `make package` in the project's folder makes what it needs")
    _check_releases(project / "specs")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(".new")
    with TemporaryDirectory(prefix="sluice-package-") as libraries:
        _install_libraries(project, Path(libraries), platform)
        files = dict(sorted(_files(project, jar, Path(libraries))))
        with ZipFile(draft, "w") as archive:
            for name, path in files.items():
                _add(archive, name, path)
    size = draft.stat().st_size
    if size > MAX_BYTES:
        draft.unlink()
        raise PackageError(
            f"{target} would have {size:,} bytes, the service takes {MAX_BYTES:,}: leave parts out of pom.xml"
        )
    draft.replace(target)
    return Package(target, size, len(files))


def dependencies(project: Path) -> list[str]:
    """What pyproject.toml says that the job itself needs."""
    document = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    return [str(requirement) for requirement in document["project"]["dependencies"]]


def _check_releases(specs: Path) -> None:
    """Nothing is deployed whose version may still come to mean something else."""
    for spec in compile_catalog(read_specs(specs)).products.values():
        if not read_releases(specs, spec.product).is_locked(release_of(spec)):
            raise PackageError(f"{spec.product} version {spec.version} is not locked: run `sluice spec lock`")


def _install_libraries(project: Path, folder: Path, platform: str) -> None:
    requirements = dependencies(project)
    if not requirements:
        return
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(folder)]
    command += ["--constraint", str(project / "requirements" / "lock.txt"), "--only-binary", ":all:"]
    command += ["--python-version", PYTHON_VERSION, "--python-platform", platform, *requirements]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise PackageError(f"the job's libraries could not be installed for {platform}:\n{result.stderr.strip()}")


def _files(project: Path, jar: Path, libraries: Path) -> Iterator[tuple[str, Path]]:
    """Name in the zip and path of each file."""
    yield "main.py", project / "main.py"
    yield "lib/sluice.jar", jar
    yield from _tree(libraries, "python")
    for package in _PACKAGES:
        yield from _tree(project / package, f"python/{package}")
    for folder in _DATA:
        yield from _tree(project / folder, folder)


def _tree(folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        if path.is_file() and not set(relative.parts) & set(_LEFT_OUT):
            yield f"{prefix}/{relative.as_posix()}", path


def _add(archive: ZipFile, name: str, path: Path) -> None:
    """The file without what differs from build to build: times, owner; a jar is compressed already."""
    entry = ZipInfo(name, _EPOCH)
    entry.external_attr = 0o100644 << 16
    entry.compress_type = ZIP_STORED if path.suffix == ".jar" else ZIP_DEFLATED
    entry.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(entry, "w") as copy:
        shutil.copyfileobj(source, copy, 1 << 20)
