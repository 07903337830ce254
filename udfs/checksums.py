"""Checksums by name: a function from the covered bytes to a number, and how many bits that number has.

CRCs are named and parametrised as in the Rocksoft model, https://reveng.sourceforge.io/crc-catalogue/.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial, reduce
from operator import xor
from typing import NamedTuple


class Checksum(NamedTuple):
    """A named algorithm."""

    compute: Callable[[bytes], int]
    bits: int
    doc: str


class Crc(NamedTuple):
    """The Rocksoft parameters; `reflected` is refin and refout, which never differ here."""

    width: int
    poly: int
    init: int
    reflected: bool
    xorout: int

    def compute(self, data: bytes) -> int:
        """The CRC of the bytes."""
        table = _table(self.width, self.poly, self.reflected)
        if self.reflected:
            crc = _mirror(self.init, self.width)
            for byte in data:
                crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
            return crc ^ self.xorout
        crc, top, mask = self.init, self.width - 8, (1 << self.width) - 1
        for byte in data:
            crc = crc << 8 & mask ^ table[crc >> top ^ byte]
        return crc ^ self.xorout


def sum_of_bytes(data: bytes, bits: int) -> int:
    """The sum of all bytes modulo 2**bits."""
    return sum(data) & ((1 << bits) - 1)


def sum8_complement(data: bytes) -> int:
    """What makes the sum of all bytes 0 modulo 256."""
    return -sum(data) & 0xFF


def xor8(data: bytes) -> int:
    """The exclusive or of all bytes."""
    return reduce(xor, data, 0)


@cache
def _table(width: int, poly: int, reflected: bool) -> tuple[int, ...]:
    """What each byte leaves in an empty register."""
    top, mask = 1 << (width - 1), (1 << width) - 1
    entries = []
    for byte in range(256):
        crc = (_mirror(byte, 8) if reflected else byte) << (width - 8)
        for _ in range(8):
            crc = (crc << 1 ^ (poly if crc & top else 0)) & mask
        entries.append(_mirror(crc, width) if reflected else crc)
    return tuple(entries)


def _mirror(number: int, width: int) -> int:
    return int(f"{number:0{width}b}"[::-1], 2)


_CRCS = {
    "crc8_smbus": (Crc(8, 0x07, 0x00, False, 0x00), "SMBus packet error code"),
    "crc8_nrsc_5": (Crc(8, 0x31, 0xFF, False, 0x00), "NRSC-5, Sensirion sensors"),
    "crc8_maxim": (Crc(8, 0x31, 0x00, True, 0x00), "1-Wire"),
    "crc8_darc": (Crc(8, 0x39, 0x00, True, 0x00), "DARC"),
    "crc16_arc": (Crc(16, 0x8005, 0x0000, True, 0x0000), "ARC, often called CRC-16 or IBM; Teltonika"),
    "crc16_modbus": (Crc(16, 0x8005, 0xFFFF, True, 0x0000), "Modbus RTU"),
    "crc16_usb": (Crc(16, 0x8005, 0xFFFF, True, 0xFFFF), "USB"),
    "crc16_x25": (Crc(16, 0x1021, 0xFFFF, True, 0xFFFF), "X.25, ISO/IEC 14443-3 B, often called CRC-ITU; GT06"),
    "crc16_ccitt_false": (Crc(16, 0x1021, 0xFFFF, False, 0x0000), "IBM 3740, often called CCITT-FALSE"),
    "crc16_xmodem": (Crc(16, 0x1021, 0x0000, False, 0x0000), "XMODEM"),
    "crc16_kermit": (Crc(16, 0x1021, 0x0000, True, 0x0000), "Kermit, the true CCITT"),
    "crc16_dnp": (Crc(16, 0x3D65, 0x0000, True, 0xFFFF), "DNP, IEC 870"),
    "crc16_en_13757": (Crc(16, 0x3D65, 0x0000, False, 0xFFFF), "wireless M-Bus"),
    "crc24_ble": (Crc(24, 0x00065B, 0x555555, True, 0x000000), "Bluetooth Low Energy advertising"),
    "crc32": (Crc(32, 0x04C11DB7, 0xFFFFFFFF, True, 0xFFFFFFFF), "ISO HDLC: Ethernet, zip"),
    "crc32_mpeg_2": (Crc(32, 0x04C11DB7, 0xFFFFFFFF, False, 0x00000000), "MPEG-2, the CRC unit of STM32"),
    "crc32c": (Crc(32, 0x1EDC6F41, 0xFFFFFFFF, True, 0xFFFFFFFF), "iSCSI, Castagnoli"),
}

CHECKSUMS: Mapping[str, Checksum] = {
    "sum8": Checksum(partial(sum_of_bytes, bits=8), 8, "sum of all bytes modulo 256"),
    "sum16": Checksum(partial(sum_of_bytes, bits=16), 16, "sum of all bytes modulo 65536"),
    "sum8_complement": Checksum(sum8_complement, 8, "makes the sum of all bytes 0 modulo 256; Modbus ASCII LRC"),
    "xor8": Checksum(xor8, 8, "exclusive or of all bytes"),
    "nmea": Checksum(xor8, 8, "xor8, as NMEA 0183 has it between $ and *"),
    **{name: Checksum(crc.compute, crc.width, doc) for name, (crc, doc) in _CRCS.items()},
}
