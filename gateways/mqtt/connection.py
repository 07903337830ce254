"""One connection to a broker, from CONNECT until it is lost: paho's client, driven by the event loop.

paho alone would acknowledge when its callback returns, and connect again without telling why it had to: here the
bridge acknowledges (`manual_ack`), and every connection is a client of its own, so no id outlives the connection
that it belongs to.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateways.mqtt.inflight import Publish
from gateways.mqtt.session import Session
from udfs.errors import SluiceError

KEEPALIVE_SECONDS: Final = 60
ANSWER_SECONDS: Final = 30.0
MISC_SECONDS: Final = 1.0
_UNSUPPORTED_VERSION: Final = 0x84
_FOR_GOOD: Final = frozenset({0x85, 0x86, 0x87, 0x8A, 0x8C, 0x8F, 0x9E, 0xA1, 0xA2})
"""Reason codes that waiting does not mend: client id, login, rights, ban, topic filters, kinds of subscriptions."""


class BrokerError(SluiceError):
    """The broker cannot be reached, refuses or has gone; `code` is MQTT 5's reason code where it gave one."""

    def __init__(self, message: str, code: int | None = None) -> None:
        self.message, self.code = message, code
        super().__init__(message)

    @property
    def refuses_version(self) -> bool:
        return self.code == _UNSUPPORTED_VERSION

    @property
    def is_for_good(self) -> bool:
        """Whether trying again would be in vain."""
        return self.code in _FOR_GOOD


class Connection:
    """`receive` is called with every publish. `open` it, `subscribe`, wait for `lost`, `close` it."""

    def __init__(self, session: Session, version: MQTTProtocolVersion, receive: Callable[[Publish], None]) -> None:
        self._session, self._version, self._receive = session, version, receive
        self._loop = asyncio.get_running_loop()
        self._client = self._make_client()
        self._answers: dict[str, asyncio.Future[Any]] = {}
        self._is_reading = False
        self._misc: asyncio.Task[None] | None = None
        self.lost: asyncio.Future[BrokerError] = self._loop.create_future()
        """Why the connection has ended, when it has."""

    async def open(self) -> bool:
        """Whether the broker still has our session; raises BrokerError."""
        try:
            await asyncio.to_thread(self._connect)
        except OSError as error:
            raise BrokerError(f"cannot be reached: {error}") from error
        if self._client.socket() is None:
            raise BrokerError("closed the connection at once")
        self._client.on_socket_register_write = self._write_when_ready
        self._client.on_socket_unregister_write = self._write_no_more
        self._client.on_socket_close = self._forget
        self.resume()
        self._misc = asyncio.create_task(self._keep_alive())
        return bool(await self._answer("CONNACK"))

    async def subscribe(self, filters: Sequence[str]) -> None:
        """Returns when the broker has granted all of them; raises BrokerError."""
        if self._version == MQTTProtocolVersion.MQTTv5:
            # Retained messages come with a subscription that is new, not again after every restart.
            options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            self._client.subscribe([(each, options) for each in filters])
        else:
            self._client.subscribe([(each, 1) for each in filters])
        codes: list[ReasonCode] = await self._answer("SUBACK")
        for each, code in zip(filters, codes, strict=True):
            if code.is_failure:
                raise BrokerError(f"refuses the subscription to `{each}`: {code}", code.value)

    def acknowledge(self, packet_id: int) -> None:
        self._client.ack(packet_id, 1)

    def pause(self) -> None:
        """Reads no more, so the broker has to wait."""
        if self._is_reading:
            self._loop.remove_reader(self._socket_number)
            self._is_reading = False

    def resume(self) -> None:
        if not self._is_reading and self._socket_number >= 0:
            self._loop.add_reader(self._socket_number, self._read)
            self._is_reading = True

    async def close(self) -> None:
        """Sends what is to be sent, and DISCONNECT; the session stays at the broker."""
        self._client.disconnect()
        await asyncio.wait([self.lost], timeout=ANSWER_SECONDS)
        self.abort()

    def abort(self) -> None:
        """Ends without a word, as a broken line would."""
        if self._misc is not None:
            self._misc.cancel()
        sock = self._client.socket()
        if sock is not None:
            self._forget(self._client, None, sock)
            sock.close()

    def _make_client(self) -> Client:
        session = self._session
        client = Client(
            CallbackAPIVersion.VERSION2,
            session.client_id,
            clean_session=None if self._version == MQTTProtocolVersion.MQTTv5 else False,
            protocol=self._version,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.on_connect, client.on_subscribe = self._on_connect, self._on_subscribe
        client.on_message, client.on_disconnect = self._on_message, self._on_disconnect
        if session.username is not None:
            client.username_pw_set(session.username, session.password)
        if session.tls is not None:
            client.tls_set_context(session.tls)
        return client

    def _connect(self) -> None:
        host, port = self._session.host, self._session.port
        if self._version != MQTTProtocolVersion.MQTTv5:
            self._client.connect(host, port, KEEPALIVE_SECONDS)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = self._session.expiry_seconds
        properties.ReceiveMaximum = self._session.receive_maximum
        self._client.connect(host, port, KEEPALIVE_SECONDS, clean_start=False, properties=properties)

    async def _answer(self, packet: str) -> Any:
        answer = self._answers[packet] = self._loop.create_future()
        await asyncio.wait([answer, self.lost], timeout=ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        raise self.lost.result() if self.lost.done() else BrokerError(f"no {packet} after {ANSWER_SECONDS:.0f} s")

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(MISC_SECONDS)
            self._client.loop_misc()

    def _read(self) -> None:
        try:
            self._client.loop_read()
            # What TLS has decrypted already is no longer seen at the socket.
            while (sock := self._client.socket()) is not None and self._is_reading and _pending(sock):
                self._client.loop_read()
        except UnicodeDecodeError as error:
            self._end(BrokerError(f"sends a topic that is no UTF-8: {error}"))
            self.abort()

    def _write_when_ready(self, _client: Client, _userdata: Any, sock: Any) -> None:
        self._loop.add_writer(sock.fileno(), self._client.loop_write)

    def _write_no_more(self, _client: Client, _userdata: Any, sock: Any) -> None:
        self._loop.remove_writer(sock.fileno())

    def _forget(self, _client: Client, _userdata: Any, sock: Any) -> None:
        self._is_reading = False
        if sock.fileno() >= 0:  # paho tells of the same end again
            self._loop.remove_reader(sock.fileno())
            self._loop.remove_writer(sock.fileno())

    @property
    def _socket_number(self) -> int:
        """The socket's file descriptor, -1 when it is closed."""
        sock = self._client.socket()
        return -1 if sock is None else int(sock.fileno())

    def _on_connect(self, _client: Client, _userdata: Any, flags: Any, code: ReasonCode, _properties: Any) -> None:
        self._answered("CONNACK", flags.session_present, code)

    def _on_subscribe(self, _client: Client, _userdata: Any, _id: int, codes: Any, _properties: Any) -> None:
        self._answered("SUBACK", codes, None)

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        now = time.time_ns() // 1_000_000
        pairs = getattr(message.properties, "UserProperty", ())
        self._receive(
            Publish(message.mid, message.qos, message.dup, message.topic, bytes(message.payload), dict(pairs), now)
        )

    def _on_disconnect(self, _client: Client, _userdata: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        self._end(BrokerError(f"the connection has ended: {code}", code.value))

    def _end(self, error: BrokerError) -> None:
        if not self.lost.done():
            self.lost.set_result(error)

    def _answered(self, packet: str, value: object, code: ReasonCode | None) -> None:
        answer = self._answers.get(packet)
        if answer is None or answer.done():
            return
        if code is not None and code.is_failure:
            answer.set_exception(BrokerError(f"refuses the connection: {code}", code.value))
        else:
            answer.set_result(value)


def _pending(sock: Any) -> bool:
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
