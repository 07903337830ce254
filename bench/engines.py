"""Messages a second of both engines beside construct, kaitaistruct and hand-written struct, on the same payloads.

    pip install construct kaitaistruct && python bench/engines.py

One core, hex texts in, best of five rounds within one run. kaitaistruct and struct scale the numbers, construct gives
raw ones; only sluice checks ranges, and only it tells positions when a payload is wrong. `catalog` is the way to whole
messages.
"""

import io
import random
import struct
import sys
import time
from binascii import unhexlify
from collections.abc import Callable, Sequence
from typing import Any

import construct
from kaitaistruct import KaitaiStream, KaitaiStruct

from udfs.batch import batch_decoder
from udfs.catalog import Catalog, compile_catalog
from udfs.message import Envelope

ROUNDS, PAYLOADS = 5, 20_000
DOMAIN = "domain: telemetry\ntitle: Telemetry\n"
HEAD = "title: Bench\nversion: 1\ndomain: telemetry\nformat: hex\nexamples: [{payload: '', error: truncated}]\n"
FIXED = f"""product: fixed-16
{HEAD}layout:
  kind: length
  fields:
    - {{name: temperature, type: i16, scale: 0.01, unit: Cel, range: [-100, 400]}}
    - {{name: humidity, type: u16, scale: 0.1, unit: "%", range: [0, 7000]}}
    - {{name: pressure, type: u32, scale: 0.01, unit: Pa}}
    - {{name: co2, type: u16, unit: "[ppm]"}}
    - {{name: voc, type: u16, unit: "[ppb]"}}
    - {{name: counter, type: u32, unit: "1"}}
"""
KEYED = f"""product: keyed-4
{HEAD}layout:
  kind: key_value
  byte_order: little
  keys:
    - {{key: "0175", fields: [{{name: battery, type: u8, unit: "%"}}]}}
    - {{key: "0367", fields: [{{name: temperature, type: i16, scale: 0.1, unit: Cel, range: [-4000, 4000]}}]}}
    - {{key: "0468", fields: [{{name: humidity, type: u8, scale: 0.5, unit: "%"}}]}}
    - {{key: "077d", fields: [{{name: co2, type: u16, unit: "[ppm]"}}]}}
"""
Decode = Callable[[bytes], object]


class FixedKaitai(KaitaiStruct):  # type: ignore[misc]
    """What the compiler of Kaitai Struct makes of the fixed layout."""

    def __init__(self, io: KaitaiStream) -> None:
        super().__init__(io)
        self.raw_temperature, self.raw_humidity = self._io.read_s2be(), self._io.read_u2be()
        self.raw_pressure, self.co2 = self._io.read_u4be(), self._io.read_u2be()
        self.voc, self.counter = self._io.read_u2be(), self._io.read_u4be()
        self.temperature, self.humidity = self.raw_temperature * 0.01, self.raw_humidity * 0.1
        self.pressure = self.raw_pressure * 0.01


class KeyedKaitai(KaitaiStruct):  # type: ignore[misc]
    """As the compiler writes `repeat: eos` over a `switch-on` of the key."""

    def __init__(self, io: KaitaiStream) -> None:
        super().__init__(io)
        self.entries = {}
        while not self._io.is_eof():
            key = self._io.read_u2be()
            if key == 0x0175:
                self.entries["battery"] = self._io.read_u1()
            elif key == 0x0367:
                self.entries["temperature"] = self._io.read_s2le() * 0.1
            elif key == 0x0468:
                self.entries["humidity"] = self._io.read_u1() * 0.5
            elif key == 0x077D:
                self.entries["co2"] = self._io.read_u2le()


FIXED_CONSTRUCT = construct.Struct(
    "temperature" / construct.Int16sb, "humidity" / construct.Int16ub, "pressure" / construct.Int32ub,
    "co2" / construct.Int16ub, "voc" / construct.Int16ub, "counter" / construct.Int32ub,
)  # fmt: skip
KEYED_CONSTRUCT = construct.GreedyRange(
    construct.Struct(
        "key" / construct.Int16ub,
        "value"
        / construct.Switch(
            construct.this.key,
            {0x0175: construct.Int8ub, 0x0367: construct.Int16sl, 0x0468: construct.Int8ub, 0x077D: construct.Int16ul},
        ),
    )
)
_FIXED = struct.Struct(">hHIHHI")


def fixed_by_hand(data: bytes) -> object:
    temperature, humidity, pressure, co2, voc, counter = _FIXED.unpack(data)
    return {
        "temperature": temperature / 100, "humidity": humidity / 10, "pressure": pressure / 100,
        "co2": co2, "voc": voc, "counter": counter,
    }  # fmt: skip


def keyed_by_hand(data: bytes) -> object:
    readings, at = {}, 0
    while at < len(data):
        key, at = data[at : at + 2], at + 2
        if key == b"\x01\x75":
            readings["battery"], at = data[at], at + 1
        elif key == b"\x03\x67":
            readings["temperature"], at = struct.unpack_from("<h", data, at)[0] / 10, at + 2
        elif key == b"\x04\x68":
            readings["humidity"], at = data[at] / 2, at + 1
        elif key == b"\x07\x7d":
            readings["co2"], at = struct.unpack_from("<H", data, at)[0], at + 2
        else:
            raise ValueError(key)
    return readings


def best_rate(call: Callable[[], object], count: int) -> float:
    """Payloads a second in the best round."""
    best = 0.0
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        call()
        best = max(best, count / (time.perf_counter() - begin))
    return best


def each(decode: Callable[[Any], object], payloads: Sequence[Any]) -> Callable[[], object]:
    def run() -> None:
        for payload in payloads:
            decode(payload)

    return run


def measure(catalog: Catalog, product: str, payloads: list[str], others: dict[str, Decode]) -> None:
    spec = catalog.products[product]
    (route,) = spec.routes
    batch, decode = batch_decoder(route.decoder), route.decoder.decode
    if batch is None:
        raise SystemExit("no batch decoder")
    many = payloads * 10
    envelopes = [
        Envelope(product=product, device="d", protocol="mqtt", received_at=1_800_000_000_000, payload=payload)
        for payload in payloads
    ]
    if catalog.decode_all(envelopes) != [catalog.decode(envelope) for envelope in envelopes]:
        raise SystemExit("the engines differ")
    rates = {
        "batch engine, columns": best_rate(lambda: list(batch.decode(many)), len(many)),
        "batch engine, messages (catalog)": best_rate(lambda: catalog.decode_all(envelopes), len(payloads)),
        "row engine, rows": best_rate(each(decode, payloads), len(payloads)),
        "row engine, messages (catalog)": best_rate(each(catalog.decode, envelopes), len(payloads)),
    }
    rates |= {
        name: best_rate(each(lambda text, parse=other: parse(unhexlify(text)), payloads), len(payloads))
        for name, other in others.items()
    }
    print(f"\n{product}, {len(payloads[0]) // 2} bytes\n")
    print(f"| {'decoder':34} | {'payloads/s':>12} |\n|{'-' * 36}|{'-' * 13}:|")
    for name, rate in rates.items():
        print(f"| {name:34} | {rate:12,.0f} |")


def main() -> None:
    catalog = compile_catalog(
        {"domains/telemetry.yaml": DOMAIN, "products/fixed-16.yaml": FIXED, "products/keyed-4.yaml": KEYED}
    )
    rng = random.Random(1)
    fixed = [
        _FIXED.pack(rng.randrange(-9000, 9000), *(rng.randrange(60000) for _ in range(5))).hex()
        for _ in range(PAYLOADS)
    ]
    keyed = [
        f"0175{rng.randrange(100):02x}0367{rng.randbytes(2).hex()}0468{rng.randrange(200):02x}077d{rng.randbytes(2).hex()}"
        for _ in range(PAYLOADS)
    ]
    print(f"Python {sys.version.split()[0]}, construct {construct.__version__}")
    fixed_compiled, keyed_compiled = FIXED_CONSTRUCT.compile(), KEYED_CONSTRUCT.compile()
    measure(
        catalog,
        "fixed-16",
        fixed,
        {
            "struct by hand": fixed_by_hand,
            "construct": FIXED_CONSTRUCT.parse,
            "construct, compiled": fixed_compiled.parse,
            "kaitaistruct": lambda data: FixedKaitai(KaitaiStream(io.BytesIO(data))),
        },
    )
    measure(
        catalog,
        "keyed-4",
        keyed,
        {
            "struct by hand": keyed_by_hand,
            "construct": KEYED_CONSTRUCT.parse,
            "construct, compiled": keyed_compiled.parse,
            "kaitaistruct": lambda data: KeyedKaitai(KaitaiStream(io.BytesIO(data))),
        },
    )


if __name__ == "__main__":
    main()
