"""Senders that send on whatever happens, as devices do: again and again until they are told that it is taken."""

import socket
import threading
import time
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from udfs.catalog import Catalog
from udfs.timestamps import iso_text

Reading = tuple[str, int]
"""Device and event time in epoch ms: each is sent as one message."""

WARM: Final = "0367f600046864"
IMEI: Final = "352093081452251"
PATIENCE_SECONDS: Final = 10.0
PAUSE_SECONDS: Final = 0.05
"""Between payloads: what is sent must go through the embedded stores, too."""
FILE_PAUSE_SECONDS: Final = 1.0
"""A logger's files follow one another, each when the one before is done."""


class Load(ABC, threading.Thread):
    """Sends readings of its own one after the other until it is stopped; `acknowledged` are those that are taken."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.acknowledged: list[Reading] = []
        self._start_ms = int(time.time() * 1000) - 3_600_000
        self._stopped = threading.Event()
        self._fault: Exception | None = None

    def run(self) -> None:
        number = 0
        try:
            while not self._stopped.is_set():
                self.acknowledged += self.take_to(number)
                number += 1
                time.sleep(PAUSE_SECONDS)
        except Exception as error:
            self._fault = error

    def stop(self) -> None:
        """Returns when what is under way is acknowledged, too."""
        self._stopped.set()
        self.join()
        self.check()

    def check(self) -> None:
        if self._fault is not None:
            raise self._fault

    def take_to(self, number: int) -> list[Reading]:
        """Sends payload `number` until it is acknowledged."""
        while True:
            try:
                return self.send(number)
            except (OSError, httpx.TransportError):
                time.sleep(PAUSE_SECONDS)

    @abstractmethod
    def send(self, number: int) -> list[Reading]:
        """Sends a payload, and returns its readings when they are acknowledged; raises OSError when they are not."""

    def event_time(self, number: int) -> int:
        return self._start_ms + number


class RestLoad(Load):
    """Posts with an idempotency key; the reading's time is the gateway's."""

    def __init__(self, url: str) -> None:
        super().__init__("rest")
        self._client = httpx.Client(base_url=url, timeout=PATIENCE_SECONDS)

    def send(self, number: int) -> list[Reading]:
        answer = self._client.post(
            "/v1/devices/load-rest/messages",
            params={"product": "milesight-am319", "event_time": self.event_time(number)},
            content=WARM,
            headers={"Content-Type": "text/plain", "Idempotency-Key": f'"{number}"'},
        )
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            raise OSError(answer.text)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return [("load-rest", self.event_time(number))]


class MqttLoad(Load):
    """Publishes with QoS 1; the broker's acknowledgement is the gateway's duty from then on."""

    def __init__(self, url: str) -> None:
        super().__init__("mqtt")
        address = httpx.URL(url)
        self._client = Client(CallbackAPIVersion.VERSION2, "load", protocol=MQTTv5)
        self._client.connect(address.host, address.port or 1883)
        self._client.loop_start()

    def send(self, number: int) -> list[Reading]:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.UserProperty = [("event_time", str(self.event_time(number)))]
        topic = "fleet/milesight-am319/load-mqtt/up"
        message = self._client.publish(topic, bytes.fromhex(WARM), qos=1, properties=properties)
        message.wait_for_publish(PATIENCE_SECONDS)
        if not message.is_published():
            raise OSError("the broker did not acknowledge")
        return [("load-mqtt", self.event_time(number))]


class TcpLoad(Load):
    """A Teltonika tracker: two records a frame, sent again on a new connection until their number is acknowledged."""

    def __init__(self, address: tuple[str, int], catalog: Catalog) -> None:
        super().__init__("tcp")
        self._address, self._catalog = address, catalog
        self._connection: socket.socket | None = None

    def send(self, number: int) -> list[Reading]:
        times = [self.event_time(2 * number), self.event_time(2 * number + 1)]
        try:
            connection = self._connected()
            connection.sendall(bytes.fromhex(self._frame(times)))
            if _receive(connection, 4) != (2).to_bytes(4, "big"):
                raise OSError("another number of records was acknowledged")
        except OSError:
            self._connection = None
            raise
        return [(IMEI, at) for at in times]

    def _connected(self) -> socket.socket:
        if self._connection is None:
            connection = socket.create_connection(self._address, timeout=PATIENCE_SECONDS)
            connection.sendall(len(IMEI).to_bytes(2, "big") + IMEI.encode())
            assert _receive(connection, 1) == b"\x01"
            self._connection = connection
        return self._connection

    def _frame(self, times: list[int]) -> str:
        record: dict[str, Any] = {"priority": 0, "longitude": 25.26, "latitude": 54.68, "altitude_m": 100}
        record |= {"course_deg": 0, "satellites": 9, "speed_kmh": 50, "event_io": 0, "num_values": 0}
        return self._catalog.encode(
            "teltonika-8e", [{"codec": 142}, *({**record, "time": iso_text(at)} for at in times)]
        )


class FileLoad(Load):
    """Drops files of ten rows into the inbox; one that lies there whole is taken."""

    def __init__(self, inbox: Path, catalog: Catalog) -> None:
        super().__init__("file")
        self._folder, self._catalog = inbox / "load-file", catalog
        self._folder.mkdir()

    def send(self, number: int) -> list[Reading]:
        times = [self.event_time(10 * number + row) for row in range(10)]
        rows = [{"time": iso_text(at), "temperature": 4.5, "humidity": 80.0, "door": "closed"} for at in times]
        draft = self._folder / f"{number}.part"
        draft.write_text(self._catalog.encode("coldroom-logger", rows), encoding="utf-8", newline="")
        draft.rename(draft.with_suffix(".csv"))
        time.sleep(FILE_PAUSE_SECONDS)
        return [("load-file", at) for at in times]


def milliseconds(moment: datetime) -> int:
    return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)


def _receive(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        part = connection.recv(count - len(received))
        if not part:
            raise OSError("the gateway has closed the connection")
        received += part
    return received
