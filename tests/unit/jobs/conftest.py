"""The project's own specs and SQL, as the job reads them."""

from pathlib import Path

import pytest

from udfs.catalog import Catalog, compile_catalog, read_specs

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return compile_catalog(read_specs(ROOT / "specs"))
