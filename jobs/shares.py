"""enrich.mode=keyed: the fleet in shares, so that a subtask holds only the devices whose messages it gets.

A record is cut into records of one share each, and these and the changes of devices are keyed by share. A subtask reads
a share's devices from Aurora when the first of it comes. Sites and limits are few: each subtask holds all of them.
What is done with a record is the same as in mode broadcast, jobs/decode.py (docs/decisions/0021).
"""

from collections.abc import Iterator
from hashlib import md5
from typing import Any, Final

import msgspec
import psycopg
from pyflink.common import Row
from pyflink.common.typeinfo import Types
from pyflink.datastream import DataStream, KeyedBroadcastProcessFunction, RuntimeContext
from pyflink.datastream.state import MapStateDescriptor

from jobs import rows
from jobs.config import Aurora
from jobs.decode import MASTER_STATE, OPERATOR, Decoding
from jobs.enrich import MasterData, read_devices, read_earlier_devices
from jobs.ingest import Record
from udfs.masters import MasterChange

DEVICE_STATE: Final = MapStateDescriptor("devices", Types.STRING(), Types.PICKLED_BYTE_ARRAY())
HELD_EVERYWHERE: Final = ("site", "limit_override")
_SHARE_DIGITS: Final = 3
_PART: Final = Types.TUPLE([Types.STRING(), Types.PICKLED_BYTE_ARRAY()])
"""A share, and a record or change of its devices."""


class _Sender(msgspec.Struct):
    device: str


_SENDER: Final = msgspec.json.Decoder(_Sender)


def share_of(device_id: str) -> str:
    """One of 4,096, which Aurora computes, too: left(md5(device_id), 3)."""
    return md5(device_id.encode(), usedforsecurity=False).hexdigest()[:_SHARE_DIGITS]


def cut(record: Record) -> Iterator[tuple[str, Record]]:
    """Each share's part of a record: its lines where they stood, blank lines in place of the others."""
    lines = record.data.split(b"\n")
    places: dict[str, set[int]] = {}
    for number, line in enumerate(lines):
        if line.strip():
            places.setdefault(share_of(_device(line)), set()).add(number)
    for share, own in places.items():
        data = b"\n".join(line if number in own else b"" for number, line in enumerate(lines))
        yield share, record._replace(data=data)


def _device(line: bytes) -> str:
    """Whose line it is; that of no one is a dead letter, wherever it is decoded."""
    try:
        return _SENDER.decode(line).device
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def decode_in_shares(records: DataStream, changes: DataStream, decoding: Decoding, aurora: Aurora) -> DataStream:
    """As rows.DECODED, with dead letters aside."""
    parts = records.flat_map(lambda row: cut(Record(*row)), _PART).uid("cut").name("cut into shares")
    devices = changes.flat_map(_device_change, _PART).uid("device-changes").name("changes of devices")
    elsewhere = changes.filter(lambda row: row[0] in HELD_EVERYWHERE).uid("other-changes").name("changes of others")
    return (
        parts.union(devices)
        .key_by(lambda part: part[0], key_type=Types.STRING())
        .connect(elsewhere.broadcast(MASTER_STATE))
        .process(DecodeShares(decoding, aurora), rows.DECODED)
        .uid("decode-shares")
        .name(OPERATOR)
    )


def _device_change(row: Row) -> Iterator[tuple[str, MasterChange]]:
    change = MasterChange(*row)
    if change.master == "device":
        yield share_of(change.key), change


class Shares:
    """The shares that a subtask holds, read from Aurora one by one."""

    def __init__(self, aurora: Aurora) -> None:
        self._aurora = aurora
        self._held: set[str] = set()
        self._connection: psycopg.Connection[Any] | None = None

    def hold(self, share: str, master_data: MasterData) -> bool:
        """Read the share's devices into `master_data`, unless they are held; True if they were read."""
        if share in self._held:
            return False
        with self._connected().transaction():
            for change in read_devices(self._connected(), share):
                master_data.apply(change)
            for version in read_earlier_devices(self._connected(), share):
                master_data.remember(version)
        self._held.add(share)
        return True

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _connected(self) -> "psycopg.Connection[Any]":
        if self._connection is None:
            self._connection = psycopg.connect(self._aurora.conninfo(self._aurora.read_host), autocommit=True)
            self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            self._connection.read_only = True
        return self._connection


class DecodeShares(KeyedBroadcastProcessFunction):  # type: ignore[misc]
    """Keyed by share; in: its records and changes of its devices, broadcast those of sites and limits."""

    def __init__(self, decoding: Decoding, aurora: Aurora) -> None:
        self._decoding, self._aurora = decoding, aurora

    def open(self, runtime_context: RuntimeContext) -> None:
        self._decoding.open(runtime_context, HELD_EVERYWHERE)
        self._shares = Shares(self._aurora)
        self._devices = runtime_context.get_map_state(DEVICE_STATE)

    def close(self) -> None:
        self._shares.close()

    def process_element(
        self, value: tuple[str, Record | MasterChange], ctx: KeyedBroadcastProcessFunction.ReadOnlyContext
    ) -> Iterator[Any]:
        share, what = value
        if self._shares.hold(share, self._decoding.master_data):
            for change in self._devices.values():
                self._decoding.master_data.apply(change)
        if isinstance(what, Record):
            yield from self._decoding.decode(what, ctx)
        elif self._decoding.master_data.apply(what):
            self._devices.put(what.key, what)

    def process_broadcast_element(self, value: Row, ctx: KeyedBroadcastProcessFunction.Context) -> Iterator[Any]:
        self._decoding.take_over(MasterChange(*value), ctx)
        return iter(())
