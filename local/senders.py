"""How the fleet's payloads leave for a gateway: published, written to a socket, posted, dropped into a folder.

A sender returns when the gateway, or its broker, has taken all of what it was given; a tracker's protocol has no
acknowledgement, so there it is the socket that has.
"""

import socket
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote, urlsplit

import httpx
import msgspec
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from local.errors import StackError
from local.ledger import Line

SECONDS: Final = 30.0
NUM_POSTS: Final = 32
"""Posts under way at once: each is answered when its messages are on Kinesis."""


class Sender(Protocol):
    """What the simulator needs of a protocol."""

    def send(self, lines: Sequence[Line]) -> None:
        """Sends the payloads of the lines; raises StackError where they are not taken."""

    def close(self) -> None:
        """Ends its connections."""


class MqttSender:
    """Publishes with QoS 1 at a broker, as a site's network server does for its devices."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._client = Client(CallbackAPIVersion.VERSION2, f"fleet-{uuid.uuid4().hex[:8]}", protocol=MQTTv5)
        self._client.max_inflight_messages_set(1000)
        self._client.connect(address.hostname or "", address.port or 1883)
        self._client.loop_start()

    def send(self, lines: Sequence[Line]) -> None:
        published = [self._publish(msgspec.json.decode(line.data)) for line in lines]
        for message in published:
            message.wait_for_publish(SECONDS)
            if not message.is_published():
                raise StackError("fleet", None, f"the broker did not acknowledge a payload in {SECONDS:.0f} s")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _publish(self, envelope: dict[str, Any]) -> Any:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.UserProperty = [("event_time", str(envelope["event_time"]))]
        topic = f"fleet/{envelope['product']}/{envelope['device']}/up"
        return self._client.publish(topic, bytes.fromhex(envelope["payload"]), qos=1, properties=properties)


class TcpSender:
    """A connection for each device, on which it writes its frames."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._sockets: dict[str, socket.socket] = {}

    def send(self, lines: Sequence[Line]) -> None:
        for line in lines:
            envelope = msgspec.json.decode(line.data)
            try:
                self._socket(envelope["device"]).sendall(envelope["payload"].encode())
            except OSError as error:
                raise StackError("fleet", None, f"the gateway takes no frames on {self._address}: {error}") from error

    def close(self) -> None:
        for connection in self._sockets.values():
            connection.close()

    def _socket(self, device: str) -> socket.socket:
        if device not in self._sockets:
            self._sockets[device] = socket.create_connection(self._address, timeout=SECONDS)
        return self._sockets[device]


class RestSender:
    """Posts, each device's payloads in their order and several devices at once."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=SECONDS)
        self._threads = ThreadPoolExecutor(NUM_POSTS, "post")

    def send(self, lines: Sequence[Line]) -> None:
        ordered = sorted(lines, key=lambda line: line.device_id)  # stable
        groups = [list(group) for _, group in groupby(ordered, key=lambda line: line.device_id)]
        list(self._threads.map(self._post, groups))

    def close(self) -> None:
        self._threads.shutdown()
        self._client.close()

    def _post(self, lines: list[Line]) -> None:
        for line in lines:
            envelope = msgspec.json.decode(line.data)
            answer = self._client.post(
                f"/v1/devices/{quote(envelope['device'], safe='')}/messages",
                params={"product": envelope["product"], "event_time": envelope["event_time"]},
                content=envelope["payload"],
                headers={"Content-Type": "application/json"},
            )
            if answer.status_code != httpx.codes.ACCEPTED:
                raise StackError("fleet", None, f"the gateway answers {answer.status_code}: {answer.text[:300]}")


class FileSender:
    """Drops files into a folder, `<device>/<number>.csv`: each appears whole, for it is renamed into place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def send(self, lines: Sequence[Line]) -> None:
        for line in lines:
            envelope = msgspec.json.decode(line.data)
            self._count += 1
            target = self._folder / envelope["device"] / f"{self._count:06d}.csv"
            target.parent.mkdir(parents=True, exist_ok=True)
            draft = target.with_suffix(".part")
            draft.write_text(envelope["payload"], encoding="utf-8", newline="")
            draft.rename(target)

    def close(self) -> None:
        """There is nothing to end."""
