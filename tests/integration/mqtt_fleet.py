"""What stands around the MQTT gateway under test: a broker, publishers, a broker of 3.1.1 only."""

import asyncio
import ssl
import threading
from pathlib import Path
from typing import Any

from deployment import wait_until
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from local.errors import NotReady
from local.mosquitto import answer, launch_broker
from local.process import LOOPBACK, free_port, stop

PRODUCT = "browan-tbhh100"


class Broker:
    """A mosquitto of the test's own, which it may stop and start again with its sessions."""

    def __init__(self, folder: Path, listener: tuple[str, ...] = ("allow_anonymous true",)) -> None:
        self.port = free_port()
        self.folder, self._listener = folder, (f"listener {self.port} {LOOPBACK}", *listener)
        self.url = f"mqtt://{LOOPBACK}:{self.port}"
        self.start()

    def start(self) -> None:
        log = self.folder / "mosquitto.log"
        self.server, self._child = launch_broker(self.port, self.folder / "mosquitto", log, self._listener)

    def wait_until_ready(self) -> None:
        wait_until(self._is_ready, "the broker answers")

    def stop(self) -> None:
        assert stop([self.server], [self._child]) == []

    def _is_ready(self) -> bool:
        try:
            answer({"SLUICE_MQTT_URL": self.url})
        except NotReady:
            return False
        return True


class Publisher:
    """A device's side: paho with QoS 1, which sends again what the broker has not acknowledged."""

    def __init__(
        self, broker: Broker, version: MQTTProtocolVersion = MQTTv5, tls: ssl.SSLContext | None = None
    ) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, "fleet", protocol=version, **_keep_session(version))
        if tls is not None:
            self._client.tls_set_context(tls)
        self._client.max_inflight_messages_set(100)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect(LOOPBACK, broker.port)
        self._client.loop_start()
        self._version = version
        self._client.on_publish = lambda *_: self._acknowledged.append(1)
        self._acknowledged: list[int] = []
        self._num_published = 0

    def publish(self, number: int, filler: int = 4) -> None:
        """The reading `number`, of one of 20 devices; with a key and a time where MQTT 5 is spoken."""
        payload = bytes.fromhex("08ab35") + bytes([number % 100]) + number.to_bytes(filler, "big")
        topic, properties = f"fleet/{PRODUCT}/device-{number % 20}/up", None
        if self._version == MQTTv5:
            properties = Properties(PacketTypes.PUBLISH)
            properties.UserProperty = [("key", f"reading-{number}"), ("event_time", str(1_767_600_000_000 + number))]
        self.send(topic, payload, properties)

    def send(self, topic: str, payload: bytes, properties: Properties | None = None) -> None:
        self._client.publish(topic, payload, qos=1, properties=properties)
        self._num_published += 1

    def wait_until_published(self) -> None:
        wait_until(lambda: len(self._acknowledged) == self._num_published, "the broker has all")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _keep_session(version: MQTTProtocolVersion) -> dict[str, Any]:
    return {} if version == MQTTv5 else {"clean_session": False}


class OnlyVersion4:
    """The front of a broker of MQTT 3.1.1: another version is answered as its chapter 3.1.2.2 says, the rest passes."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.port = free_port()
        asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, LOOPBACK, self.port), self._loop).result()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connect = await reader.read(4096)
        if connect[connect.index(b"MQTT") + 4] != 4:
            writer.write(b"\x20\x02\x00\x01")
            writer.close()
            return
        onward_reader, onward_writer = await asyncio.open_connection(LOOPBACK, self._broker.port)
        onward_writer.write(connect)
        await asyncio.gather(self._pass(reader, onward_writer), self._pass(onward_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)
        writer.close()
