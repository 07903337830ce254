"""What a gateway file says of REST: where it listens, who may send, and how much at once."""

from ipaddress import ip_address
from typing import Annotated, Final, Literal

from msgspec import Meta

from gateways.errors import GatewayConfigError
from gateways.server_tls import File, TlsConfig
from udfs.model import Strict

Host = Annotated[str, Meta(min_length=1, description="address to listen at; loopback unless it is said")]
Patterns = Annotated[tuple[str, ...], Meta(description="names, or shell patterns of them: `*`, `site-7/*`")]
Rate = Annotated[float, Meta(ge=0.01, description="requests a second, and as many at once")]
Algorithm = Literal["RS256", "ES256", "EdDSA"]


class KeyConfig(Strict, kw_only=True, frozen=True):
    """An API key: `X-API-Key: NAME.SECRET`. `sluice gateway key NAME` makes one."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_\-]{0,62}$")]
    secret: Annotated[
        str,
        Meta(
            pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|sha256:[0-9a-f]{32}:[0-9a-f]{64})$",
            description="`env:NAME`, or `sha256:SALT:HASH` of a secret that was drawn at random",
        ),
    ]
    products: Patterns = ("*",)
    devices: Patterns = ("*",)
    rate: Rate = 100.0


class JwtConfig(Strict, kw_only=True, frozen=True):
    """Bearer tokens that somebody else issues: signed, for this audience, and with an end."""

    issuer: str
    audience: str
    keys: Annotated[File, Meta(description="public key in PEM, or a JWKS; read at the start")]
    algorithms: Annotated[tuple[Algorithm, ...], Meta(min_length=1)] = ("RS256", "ES256", "EdDSA")
    devices_claim: Annotated[str, Meta(description="claim with a device's id or pattern, or a list of them")] = (
        "devices"
    )
    products_claim: Annotated[str, Meta(description="the same of products; all where a token has none")] = "products"
    rate: Annotated[Rate, Meta(description="of each subject")] = 100.0


class AuthConfig(Strict, kw_only=True, frozen=True):
    """Who may send: either way of proving it will do."""

    keys: tuple[KeyConfig, ...] = ()
    jwt: JwtConfig | None = None


class RestConfig(Strict, kw_only=True, frozen=True):
    """The REST source. `auth: none` lets everyone in, and is for loopback only."""

    host: Host = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="0: a free one, told at the start")] = 8080
    auth: Literal["none"] | AuthConfig
    tls: TlsConfig | None = None
    max_body_kib: Annotated[int, Meta(ge=1, le=16_384)] = 1024
    max_items: Annotated[int, Meta(ge=1, le=10_000, description="payloads of a batch")] = 1000
    max_connections: Annotated[int, Meta(ge=1, le=65_535)] = 1000
    bodies_mib: Annotated[int, Meta(ge=1, description="all bodies that are being read, together")] = 64
    head_s: Annotated[float, Meta(ge=0.1, le=3600, description="until the head of a (next) request is there")] = 15.0
    body_s: Annotated[float, Meta(ge=0.1, le=3600, description="until a body is there")] = 30.0
    answer_s: Annotated[float, Meta(ge=0.1, le=600, description="until Kinesis or the spool has it all")] = 30.0


LOOPBACK_NAME: Final = "localhost"


def check_config(config: RestConfig) -> None:
    """Raises GatewayConfigError where the keys are each right and together are not."""
    if config.auth == "none":
        if not is_loopback(config.host):
            message = f"`none` would let everyone in at {config.host}: name keys or jwt, or listen at 127.0.0.1"
            raise GatewayConfigError("gateway", "rest.auth", message)
    elif not config.auth.keys and config.auth.jwt is None:
        raise GatewayConfigError("gateway", "rest.auth", "nobody could send: name keys or jwt")
    if config.bodies_mib << 10 < config.max_body_kib:
        message = f"holds not one body of {config.max_body_kib} KiB: raise it, or lower max_body_kib"
        raise GatewayConfigError("gateway", "rest.bodies_mib", message)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == LOOPBACK_NAME
