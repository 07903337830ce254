"""One embedded stack for all tests of the run; a test that starts the job takes names of its own on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mariadb import MariaDb, mariadb

from local.stack import Stack


@pytest.fixture(scope="session")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack.start(tmp_path_factory.mktemp("shared-stack") / ".run") as running:
        yield running


@pytest.fixture(scope="session")
def maria() -> Iterator[MariaDb]:
    with mariadb() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("module")
