"""How a gateway is known at a broker: secrets from the environment, certificates from files, and what is not there."""

from pathlib import Path
from typing import Any

import pytest

from gateways.errors import GatewayConfigError
from gateways.mqtt.config import BrokerConfig, TlsConfig, TopicConfig
from gateways.mqtt.session import Session, read_session

ENVIRONMENT = {"HOST": "gateway-7", "MQTT_USER": "fleet", "MQTT_PASSWORD": "hunter2"}


def read(folder: Path, **more: Any) -> Session:
    broker = {"url": "mqtt://broker", "client_id": "gateway-1", "topics": [TopicConfig(topic="{device}")]} | more
    return read_session(BrokerConfig(**broker), "mqtt[0]", folder, ENVIRONMENT)


def test_names_of_secrets_give_way_to_what_the_environment_holds(tmp_path: Path) -> None:
    session = read(tmp_path, client_id="env:HOST", username="env:MQTT_USER", password="env:MQTT_PASSWORD")
    assert (session.client_id, session.username, session.password) == ("gateway-7", "fleet", "hunter2")
    assert "hunter2" not in repr(session)


@pytest.mark.parametrize("key", ["client_id", "username", "password"])
def test_a_secret_that_is_not_there_is_named_with_its_key(tmp_path: Path, key: str) -> None:
    with pytest.raises(GatewayConfigError, match=rf"mqtt\[0\].{key}: the environment has no NOWHERE: set it"):
        read(tmp_path, **{key: "env:NOWHERE"})


def test_tls_trusts_the_systems_authorities_and_checks_the_name_unless_told_of_others(tmp_path: Path) -> None:
    assert read(tmp_path).tls is None
    context = read(tmp_path, url="mqtts://broker").tls
    assert context is not None
    assert context.check_hostname


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(GatewayConfigError, match=r"ca.pem: mqtt\[0\].tls: cannot be used: .*No such file"):
        read(tmp_path, url="mqtts://broker", tls=TlsConfig(ca="ca.pem"))
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(GatewayConfigError, match=r"ca.pem: mqtt\[0\].tls: cannot be used"):
        read(tmp_path, url="mqtts://broker", tls=TlsConfig(ca="ca.pem"))
