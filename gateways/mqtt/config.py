"""What a gateway file says of MQTT: brokers, and whose payloads stand on which of their topics."""

from itertools import combinations
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from msgspec import Meta

from gateways.mqtt.topics import TopicTemplate
from udfs.model import Strict

Reference = Annotated[str, Meta(pattern=r"^env:[A-Za-z_][A-Za-z0-9_]*$")]
_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class TopicConfig(Strict, kw_only=True, frozen=True):
    """Topics of one form. What neither the topic nor a key here says of a payload, the master data and the spec say."""

    topic: Annotated[str, Meta(min_length=1, max_length=1024, description="such as fleet/{product}/{device}/up")]
    product: Annotated[str, Meta(min_length=1, description="else {product}, else the device's")] | None = None
    firmware: Annotated[str, Meta(min_length=1)] | None = None
    format: Literal["hex", "text", "json", "csv"] | None = None
    port: Annotated[int, Meta(ge=0, le=65535)] | None = None
    payload: Annotated[
        Literal["bytes", "hex-text"], Meta(description="how bytes of a hex format are sent: as such, or as hex digits")
    ] = "bytes"

    def __post_init__(self) -> None:
        names = TopicTemplate(self.topic).names
        for name, said in (("product", self.product), ("firmware", self.firmware)):
            if said is not None and name in names:
                raise ValueError(f"`{self.topic}` says the {name}, and the key `{name}` does: leave one of them out")


class TlsConfig(Strict, kw_only=True, frozen=True):
    """PEM files, beside the gateway file unless absolute. Without `ca` the system's authorities are trusted."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("`certificate` and `key` go together: name both or none")


class BrokerConfig(Strict, kw_only=True, frozen=True):
    """One broker and the session we have there. Two gateways share a load by one `share` and a `client_id` each."""

    url: Annotated[str, Meta(pattern=r"^mqtts?://[^/@:\s]+(:[0-9]{1,5})?$", description="mqtt://host or mqtts://host")]
    client_id: Annotated[str, Meta(min_length=1, max_length=128, description="ours alone; or env:NAME")]
    username: Reference | None = None
    password: Reference | None = None
    tls: TlsConfig | None = None
    share: Annotated[str, Meta(pattern=r"^[^/+#$]+$", description="group of a shared subscription")] | None = None
    session_expiry_s: Annotated[int, Meta(ge=1, le=0xFFFFFFFE, description="the broker keeps for us")] = 604_800
    receive_maximum: Annotated[int, Meta(ge=1, le=65535, description="payloads under way at once")] = 1000
    topics: Annotated[list[TopicConfig], Meta(min_length=1)]

    def __post_init__(self) -> None:
        if self.tls is not None and not self.is_tls:
            raise ValueError(f"`tls` stands beside {self.url}: write mqtts://")
        for one, other in combinations(self.topics, 2):
            if TopicTemplate(one.topic).overlaps(TopicTemplate(other.topic)):
                raise ValueError(f"`{one.topic}` and `{other.topic}` may both match a topic: no level parts them")

    @property
    def is_tls(self) -> bool:
        return self.url.startswith("mqtts:")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return str(parts.hostname), parts.port or _PORTS[parts.scheme]
