"""What a gateway file says of TLS where the gateway is the server."""

from typing import Annotated

from msgspec import Meta

from udfs.model import Strict

File = Annotated[str, Meta(min_length=1, description="beside the gateway file unless absolute")]


class TlsConfig(Strict, kw_only=True, frozen=True):
    """Files in PEM; `certificate` with those that it was signed by."""

    certificate: File
    key: File
    client_ca: Annotated[
        File | None, Meta(description="who must have signed the certificate that each client shows; else none is asked")
    ] = None
