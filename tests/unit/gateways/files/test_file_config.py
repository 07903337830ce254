"""What a gateway file may say of files, and what it is told where that cannot be."""

from pathlib import Path

import pytest

from gateways.config import read_gateway
from gateways.errors import GatewayConfigError
from gateways.files.config import FilesConfig
from udfs.catalog import Catalog, compile_catalog, read_specs
from udfs.errors import SpecError

SPECS = Path(__file__).parents[4] / "specs"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return compile_catalog(read_specs(SPECS))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"product": "zzz", "device": "d"}, "no product `zzz`; there are: attachment, browan"),
        ({"product": "coldroom-logger"}, "say the device: by `device`, `device_column` or `device_from`"),
        ({"product": "coldroom-logger", "device": "d", "device_column": "D"}, "device and device_column both say"),
        ({"product": "coldroom-logger", "device_from": "{date}.csv"}, r"must have \{device\} once"),
        ({"product": "milesight-am319", "device_column": "D"}, "is hex: only CSV and JSON have a column"),
        ({"attachment": "image"}, "an attachment's device is told by"),
        ({"product": "milesight-am319", "notifications": "https://queue"}, "only S3 notifies"),
        ({"product": "milesight-am319", "source": "s3://b/in", "done": "done"}, "objects of S3 stay where they are"),
    ],
)
def test_what_cannot_be_loaded_is_told(catalog: Catalog, keys: dict[str, str], message: str) -> None:
    with pytest.raises(GatewayConfigError, match=message):
        FilesConfig(**({"source": "in"} | keys)).check("gateway.yaml", catalog)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "keys",
    [
        {"product": "coldroom-logger", "device_column": "Logger"},
        {"product": "milesight-am319"},
        {"product": "milesight-am319", "source": "s3://b/in", "notifications": "https://queue"},
        {"attachment": "log", "device_from": "{device}/{file}"},
    ],
)
def test_what_can_be_loaded(catalog: Catalog, keys: dict[str, str]) -> None:
    FilesConfig(**({"source": "in"} | keys)).check("gateway.yaml", catalog)  # type: ignore[arg-type]


def test_a_gateway_file_lists_them(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("files:\n  - {source: in, product: coldroom-logger, device: d, quarantine: bad}\n")
    [files] = read_gateway(file).files
    assert files.beside(tmp_path).source == str(tmp_path / "in")


def test_the_example_of_the_documentation_holds(catalog: Catalog, tmp_path: Path) -> None:
    section = (SPECS.parent / "docs" / "gateways.md").read_text().split("\n## Files\n")[1]
    file = tmp_path / "gateway.yaml"
    file.write_text(section.split("```yaml\n")[1].split("```")[0])
    for files in read_gateway(file).files:
        files.check("gateway.yaml", catalog)


@pytest.mark.parametrize("folder", ["../bad", "/bad", ".", ""])
def test_files_are_moved_within_the_source_only(tmp_path: Path, folder: str) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(f"files:\n  - {{source: in, product: coldroom-logger, device: d, quarantine: '{folder}'}}\n")
    with pytest.raises(SpecError, match="quarantine"):
        read_gateway(file)
