"""A gateway file is read whole or refused with the place of the fault."""

from pathlib import Path

import pytest

from gateways.config import GatewayConfig, read_gateway
from gateways.errors import GatewayConfigError
from gateways.producer import ProducerConfig
from udfs.errors import SpecError

LISTENER = "tcp: [{port: 5023, products: [concox-gt06]}]\n"


def read(folder: Path, text: str) -> GatewayConfig:
    file = folder / "gateway.yaml"
    file.write_text(text)
    return read_gateway(file)


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    config = read(tmp_path, f"unknown_devices: deny\nproducer: {{linger_ms: 50}}\n{LISTENER}")
    assert config.unknown_devices == "deny"
    assert config.producer == ProducerConfig(linger_ms=50)
    assert config.metrics is None


def test_metrics_are_served_on_loopback_unless_told_otherwise(tmp_path: Path) -> None:
    metrics = read(tmp_path, f"metrics: {{}}\n{LISTENER}").metrics
    assert metrics is not None
    assert metrics.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("unknown_devises: deny\n", ":1:1", "did you mean `unknown_devices`"),
        ("producer:\n  linger_ms: 0\n", ":2:14", ">= 1"),
        ("unknown_devices: refuse\n", ":1:18", "refuse"),
        ("metrics: {port: 70000}\n", ":1:17", "<= 65535"),
        ("unknown_devices: mark\n", ":1:1", "nothing to listen to: name `tcp`, `mqtt`, `rest` or `files`"),
    ],
)
def test_a_fault_is_told_with_line_and_column(tmp_path: Path, text: str, where: str, what: str) -> None:
    with pytest.raises(SpecError) as fault:
        read(tmp_path, text)
    assert f"gateway.yaml{where}" in str(fault.value)
    assert what in str(fault.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(GatewayConfigError, match=r"gateway\.yaml: cannot be read: No such file"):
        read_gateway(tmp_path / "gateway.yaml")
