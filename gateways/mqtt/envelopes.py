"""MQTT publish → envelope: who by the topic, bytes or text by the product's format, key and time by properties."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final

from gateways.devices import Device
from gateways.errors import Refused
from gateways.mqtt.config import TopicConfig
from gateways.mqtt.inflight import Publish
from gateways.mqtt.topics import TopicTemplate
from udfs.catalog import Catalog
from udfs.message import Envelope

PROTOCOL: Final = "mqtt"
UNREADABLE_TIME: Final = -1
"""An event time that ingest refuses, so a time that cannot be read makes a dead letter and not a wrong time."""

_MAX_TIME: Final = 1 << 53
_MAX_KEY: Final = 256


class Envelopes:
    """`device` is what the master data says of a device id."""

    def __init__(self, topics: Sequence[TopicConfig], catalog: Catalog, device: Callable[[str], Device | None]) -> None:
        self._topics = [(TopicTemplate(topic.topic), topic) for topic in topics]
        self._catalog, self._device = catalog, device

    def envelope(self, publish: Publish) -> Envelope:
        """Raises Refused where nothing says what the payload is."""
        names, config = self._find(publish.topic)
        device_id = names["device"]
        registered = self._device(device_id)
        product = names.get("product") or config.product or (registered.product if registered else None)
        if product is None:
            mend = "register the device with its product, or name it by {product} or `product` in the gateway file"
            message = f"nothing says what `{device_id}` is: {mend}"
            raise Refused("unknown_product", message, device=device_id)
        payload, stated = self._payload(publish.payload, product, config)
        time = publish.properties.get("event_time")
        return Envelope(
            product=product,
            device=device_id,
            protocol=PROTOCOL,
            received_at=publish.received_at,
            payload=payload,
            format=stated,
            firmware=names.get("firmware") or config.firmware,
            port=config.port,
            event_time=None if time is None else read_time(time),
            key=_key(publish.properties.get("key")),
        )

    def _find(self, topic: str) -> tuple[dict[str, str], TopicConfig]:
        for template, config in self._topics:
            names = template.match(topic)
            if names is not None:
                return dict(names), config
        mend = "the session may hold a subscription that the gateway file no longer has"
        raise Refused("unknown_topic", f"no template of the gateway file is of the form of `{topic}`: {mend}")

    def _payload(self, data: bytes, product: str, config: TopicConfig) -> tuple[str, str | None]:
        """The payload's text, and the format to state."""
        spec = self._catalog.products.get(product)
        wanted = config.format or (spec.format if spec else None)
        if config.payload == "hex-text":
            # What is no text becomes escapes, which are no hex digits: a dead letter that still shows the bytes.
            return data.decode("utf-8", "backslashreplace").strip(), config.format
        if wanted == "hex":
            return data.hex(), config.format
        try:
            text = data.decode()
        except UnicodeDecodeError:
            # The job refuses a format that is not the spec's: a dead letter with every byte.
            return data.hex(), "hex"
        if wanted is None and not text.isprintable():
            return data.hex(), None
        return text, config.format


def read_time(text: str) -> int:
    """Epoch milliseconds, written as such or as ISO 8601 (UTC where it names no zone); else UNREADABLE_TIME."""
    try:
        if text.isascii() and text.isdigit():
            time = int(text) if len(text) < 20 else UNREADABLE_TIME
        else:
            at = datetime.fromisoformat(text)
            time = round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return UNREADABLE_TIME
    return time if 0 <= time < _MAX_TIME else UNREADABLE_TIME


def _key(key: str | None) -> str | None:
    """A key too long for an envelope gives way to its digest, which names the payload as well."""
    if not key:
        return None
    return key if len(key) <= _MAX_KEY else blake2b(key.encode(), digest_size=32).hexdigest()
