"""How we are known at a broker: what a gateway file says, with secrets and certificates in place of their names."""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gateways.errors import GatewayConfigError
from gateways.mqtt.config import BrokerConfig, TlsConfig
from jobs.config import Secret


class Session(NamedTuple):
    """How we are known at a broker."""

    host: str
    port: int
    client_id: str
    username: Secret | None
    password: Secret | None
    tls: ssl.SSLContext | None
    expiry_seconds: int
    receive_maximum: int


def read_session(
    config: BrokerConfig, place: str, folder: Path, environment: Mapping[str, str] = os.environ
) -> Session:
    """The session of the broker at the key `place` of a gateway file in `folder`.

    Raises GatewayConfigError where a secret or a certificate is not there.
    """
    host, port = config.address
    is_reference = config.client_id.startswith("env:")
    return Session(
        host=host,
        port=port,
        client_id=_referred(config.client_id, f"{place}.client_id", environment) if is_reference else config.client_id,
        username=_referred(config.username, f"{place}.username", environment) if config.username else None,
        password=_referred(config.password, f"{place}.password", environment) if config.password else None,
        tls=_tls_context(config.tls or TlsConfig(), f"{place}.tls", folder) if config.is_tls else None,
        expiry_seconds=config.session_expiry_s,
        receive_maximum=config.receive_maximum,
    )


def _referred(reference: str, key: str, environment: Mapping[str, str]) -> Secret:
    name = reference.removeprefix("env:")
    if name not in environment:
        raise GatewayConfigError("the gateway file", key, f"the environment has no {name}: set it")
    return Secret(environment[name])


def _tls_context(config: TlsConfig, place: str, folder: Path) -> ssl.SSLContext:
    """The broker's certificate and name are checked, always."""
    try:
        context = ssl.create_default_context(cafile=None if config.ca is None else str(folder / config.ca))
        if config.certificate is not None and config.key is not None:
            # An empty password, or OpenSSL would ask the terminal for that of an encrypted key.
            context.load_cert_chain(folder / config.certificate, folder / config.key, password="")
    except OSError as error:  # what is no certificate is an SSLError, and so one of these
        named = ", ".join(name for name in (config.ca, config.certificate, config.key) if name is not None)
        raise GatewayConfigError(named, place, f"cannot be used: {error}") from error
    return context
