"""The key `mqtt` of a gateway file: what is wrong is told with its place."""

from pathlib import Path

import pytest

from gateways.config import read_gateway
from gateways.mqtt.config import BrokerConfig, TopicConfig
from udfs.errors import SpecError

BROKER = """
mqtt:
  - url: {url}
    client_id: gateway-1
    {more}
    topics:
      - topic: {first}
      - topic: {second}
"""


def read(
    tmp_path: Path, url: str = "mqtt://broker", more: str = "", first: str = "a/{device}", second: str = "b/{device}"
) -> BrokerConfig:
    file = tmp_path / "gateway.yaml"
    file.write_text(BROKER.format(url=url, more=more, first=f'"{first}"', second=f'"{second}"'))
    return read_gateway(file).mqtt[0]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://broker", ("broker", 1883)),
        ("mqtts://broker.example.org", ("broker.example.org", 8883)),
        ("mqtt://127.0.0.1:20111", ("127.0.0.1", 20111)),
    ],
)
def test_the_port_is_the_protocols_own_unless_named(tmp_path: Path, url: str, address: tuple[str, int]) -> None:
    assert read(tmp_path, url).address == address


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"second": "a/+/{device}/#"}, None),
        ({"second": "+/{device}"}, r"gateway.yaml:3:.*`a/\{device\}` and `\+/\{device\}` may both match a topic"),
        ({"first": "a/b"}, r"gateway.yaml:7:.*has no level `\{device\}`"),
        ({"url": "mqtt://user:secret@broker"}, "gateway.yaml:3:.*url"),
        ({"url": "http://broker"}, "gateway.yaml:3:.*url"),
        ({"more": "password: hunter2"}, "gateway.yaml:5:.*"),
        ({"more": "tls: {certificate: device.pem}"}, "`certificate` and `key` go together"),
        ({"more": "tls: {ca: ca.pem}"}, "`tls` stands beside mqtt://broker: write mqtts://"),
        ({"more": "receive_maximum: 0"}, "gateway.yaml:5:"),
        ({"more": "shares: fleet"}, "unknown key `shares`, did you mean `share`"),
    ],
)
def test_faults_are_told_with_file_and_line(tmp_path: Path, changes: dict[str, str], message: str | None) -> None:
    if message is None:
        read(tmp_path, **changes)
        return
    with pytest.raises(SpecError, match=message):
        read(tmp_path, **changes)


def test_the_example_of_the_docs_is_a_gateway_file(tmp_path: Path) -> None:
    page = (Path(__file__).parents[4] / "docs" / "gateways.md").read_text(encoding="utf-8")
    file = tmp_path / "gateway.yaml"
    file.write_text("mqtt:" + page.partition("```yaml\nmqtt:")[2].partition("```")[0])
    assert len(read_gateway(file).mqtt[0].topics) == 3


def test_a_product_is_named_once() -> None:
    with pytest.raises(ValueError, match="says the product, and the key `product` does"):
        TopicConfig(topic="{product}/{device}", product="browan-tbhh100")
