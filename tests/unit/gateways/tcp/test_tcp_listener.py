"""A listener that cannot be is refused at the start, with its key in the gateway file and the mend."""

from pathlib import Path

import pytest

from gateways.config import read_gateway
from gateways.devices import Devices
from gateways.errors import GatewayConfigError
from gateways.intake import Intake
from gateways.metrics import Metrics
from gateways.tcp.listener import Listener
from udfs.catalog import compile_catalog, read_specs
from udfs.errors import SpecError

CATALOG = compile_catalog(read_specs(Path(__file__).parents[4] / "specs"))


def listen(folder: Path, listener: str) -> None:
    (folder / "gateway.yaml").write_text(f"tcp: [{listener}]\n")
    metrics = Metrics()
    intake = Intake(None, Devices(None), metrics)  # type: ignore[arg-type] - nothing is taken in here
    [listener] = read_gateway(folder / "gateway.yaml").tcp
    Listener(listener, "tcp[0]", CATALOG, intake, metrics, folder)


@pytest.mark.parametrize(
    ("listener", "message"),
    [
        ("{port: 0, products: [concox-gt60]}", "tcp[0].products: no product `concox-gt60` in the specs, did you mean"),
        ("{port: 0, products: [milesight-am319]}", "the spec of `milesight-am319` has no section `stream`"),
        (
            "{port: 0, products: [concox-gt06], tls: {certificate: a.pem, key: a.key}}",
            "a.key: tcp[0].tls: cannot be",
        ),
    ],
)
def test_what_the_file_names_must_be_there(tmp_path: Path, listener: str, message: str) -> None:
    with pytest.raises(GatewayConfigError) as caught:
        listen(tmp_path, listener)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("listener", "message"),
    [
        ("{port: 0, products: [concox-gt06], idle: 3}", "1:42: tcp[0]: unknown key `idle`, did you mean `idle_s`?"),
        ("{port: 70000, products: [concox-gt06]}", "1:14: tcp[0].port: expected a whole number <= 65535"),
        ("{port: 0, products: []}", "1:27: tcp[0].products: expected a list of length >= 1"),
        ("{port: 0, products: [a], idle_s: 0}", "1:40: tcp[0].idle_s: expected a number > 0"),
    ],
)
def test_a_wrong_key_or_bound_is_told_with_its_place(tmp_path: Path, listener: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        listen(tmp_path, listener)
    assert message in str(caught.value)


def test_a_listener_is_on_loopback_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("tcp: [{port: 5023, products: [concox-gt06]}]\n")
    assert read_gateway(tmp_path / "gateway.yaml").tcp[0].host == "127.0.0.1"
