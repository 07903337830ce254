"""TLS where the gateway is the server: what a gateway file says of it, and what is made of that."""

import ssl
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from gateways.errors import GatewayConfigError
from udfs.model import Strict

File = Annotated[str, Meta(min_length=1, description="beside the gateway file unless absolute")]


class TlsConfig(Strict, kw_only=True, frozen=True):
    """Files in PEM; `certificate` with those that it was signed by."""

    certificate: File
    key: File
    client_ca: Annotated[
        File | None, Meta(description="who must have signed the certificate that each client shows; else none is asked")
    ] = None


def server_context(config: TlsConfig, folder: Path, path: str) -> ssl.SSLContext:
    """TLS 1.2 or later. `path` is the key in the gateway file, which stands in `folder`. Raises GatewayConfigError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # An empty password, or OpenSSL would ask the terminal for that of an encrypted key.
        context.load_cert_chain(folder / config.certificate, folder / config.key, password="")
        if config.client_ca is not None:
            context.load_verify_locations(folder / config.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:  # what is no certificate is an SSLError, and so one of these
        named = ", ".join(name for name in (config.certificate, config.key, config.client_ca) if name is not None)
        raise GatewayConfigError(named, path, f"cannot be used: {error}") from error
    return context
