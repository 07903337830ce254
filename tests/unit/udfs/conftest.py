"""The project's own catalog."""

import pytest
from probe import ROOT

from udfs.catalog import Catalog, compile_catalog, read_specs


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return compile_catalog(read_specs(ROOT / "specs"))
