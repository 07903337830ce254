"""A gateway file: what the gateway listens to, and how it hands payloads on. One YAML, every fault with its place."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from gateways.errors import GatewayConfigError
from gateways.files.config import FilesConfig
from gateways.intake import UnknownDevices
from gateways.mqtt.config import BrokerConfig
from gateways.producer import ProducerConfig
from gateways.rest.config import RestConfig
from gateways.tcp.config import TcpConfig
from udfs.document import read_document
from udfs.model import Strict
from udfs.typed_document import read_typed

LOOPBACK = "127.0.0.1"


class MetricsConfig(Strict, kw_only=True, frozen=True):
    """Where Prometheus scrapes; and, every `emf_every_s` seconds, CloudWatch's embedded metrics among the logs."""

    host: str = LOOPBACK
    port: Annotated[int, Meta(ge=0, le=65535, description="0: a free one, told at the start")] = 9464
    emf_every_s: Annotated[int, Meta(ge=0, description="0: none")] = 0


class GatewayConfig(Strict, kw_only=True, frozen=True):
    """What one gateway process does."""

    unknown_devices: UnknownDevices = "mark"
    max_payload_kib: Annotated[int, Meta(ge=1, le=256)] = 256
    producer: ProducerConfig = ProducerConfig()
    metrics: MetricsConfig | None = None
    tcp: Annotated[tuple[TcpConfig, ...], Meta(description="listeners")] = ()
    mqtt: Annotated[tuple[BrokerConfig, ...], Meta(description="brokers to subscribe at")] = ()
    rest: RestConfig | None = None
    files: Annotated[tuple[FilesConfig, ...], Meta(description="folders and prefixes to watch")] = ()

    def __post_init__(self) -> None:
        if not (self.tcp or self.mqtt or self.rest or self.files):
            raise ValueError("nothing to listen to: name `tcp`, `mqtt`, `rest` or `files`")


def read_gateway(file: Path) -> GatewayConfig:
    """Raises SpecError with line and column, or GatewayConfigError where there is no such file."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise GatewayConfigError(str(file), "", f"cannot be read: {error.strerror}") from error
    return read_typed(read_document(str(file), text), GatewayConfig)
