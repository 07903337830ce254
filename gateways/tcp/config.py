"""What a gateway file says of TCP: listeners, each for a product or a family of them, and what a sender may do."""

from typing import Annotated

from msgspec import Meta

from gateways.server_tls import TlsConfig
from udfs.model import Strict

Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class TcpConfig(Strict, kw_only=True, frozen=True):
    """One listener."""

    port: Annotated[int, Meta(ge=0, le=65535, description="0: a free one, told at the start")]
    products: Annotated[list[str], Meta(min_length=1, description="whose devices may connect; `stream` in their specs")]
    host: str = "127.0.0.1"
    device: Annotated[str | None, Meta(description="whose frames these are where no frame names a device")] = None
    tls: TlsConfig | None = None
    idle_s: Annotated[Seconds, Meta(description="without a byte for so long a connection is closed")] = 600.0
    login_s: Annotated[Seconds, Meta(description="within it a device must have said who it is")] = 30.0
    frame_s: Annotated[Seconds, Meta(description="within it a frame that has begun must have ended")] = 30.0
    max_connections: Annotated[int, Meta(ge=1)] = 10_000
    max_connections_per_address: Annotated[int, Meta(ge=1, description="a carrier may have one for all")] = 2_000
    frames_per_s: Annotated[float, Meta(gt=0, description="of one address; more of them wait")] = 2_000.0
