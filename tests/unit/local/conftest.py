from pathlib import Path

import pytest

from local.fleet import Fleet
from udfs.catalog import Catalog, compile_catalog, read_specs


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return compile_catalog(read_specs(Path(__file__).parents[3] / "specs"))


@pytest.fixture(scope="session")
def fleet(catalog: Catalog) -> Fleet:
    return Fleet(catalog, seed=7)
