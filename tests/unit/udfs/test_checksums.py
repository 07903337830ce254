import binascii
import pickle
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.checksums import CHECKSUMS

PUBLISHED = {
    "crc8_smbus": 0xF4,
    "crc8_nrsc_5": 0xF7,
    "crc8_maxim": 0xA1,
    "crc8_darc": 0x15,
    "crc16_arc": 0xBB3D,
    "crc16_modbus": 0x4B37,
    "crc16_usb": 0xB4C8,
    "crc16_x25": 0x906E,
    "crc16_ccitt_false": 0x29B1,
    "crc16_xmodem": 0x31C3,
    "crc16_kermit": 0x2189,
    "crc16_dnp": 0xEA82,
    "crc16_en_13757": 0xC2B7,
    "crc24_ble": 0xC25A56,
    "crc32": 0xCBF43926,
    "crc32_mpeg_2": 0x0376E6E7,
    "crc32c": 0xE3069283,
}
"""Check values over the text 123456789."""

SUMS = {"sum8": 0xDD, "sum16": 0x1DD, "sum8_complement": 0x23, "xor8": 0x31, "nmea": 0x31}


@pytest.mark.parametrize(("name", "check"), (PUBLISHED | SUMS).items())
def test_the_check_value_over_123456789(name: str, check: int) -> None:
    assert CHECKSUMS[name].compute(b"123456789") == check


def test_every_checksum_has_a_check_value_and_a_description() -> None:
    assert set(PUBLISHED | SUMS) == set(CHECKSUMS)
    assert all(checksum.doc for checksum in CHECKSUMS.values())


def test_nmea_is_what_stands_behind_the_asterisk() -> None:
    sentence = b"GPGGA,092750.000,5321.6802,N,00630.3372,W,1,8,1.03,61.7,M,55.2,M,,"
    assert CHECKSUMS["nmea"].compute(sentence) == 0x76


@given(data=st.binary(max_size=64))
def test_the_standard_library_agrees(data: bytes) -> None:
    assert CHECKSUMS["crc32"].compute(data) == zlib.crc32(data)
    assert CHECKSUMS["crc16_xmodem"].compute(data) == binascii.crc_hqx(data, 0)
    assert CHECKSUMS["crc16_ccitt_false"].compute(data) == binascii.crc_hqx(data, 0xFFFF)


@pytest.mark.parametrize("name", CHECKSUMS)
@given(data=st.binary(min_size=1, max_size=32), bit=st.integers(0, 255))
def test_a_flipped_bit_changes_a_number_that_fits(name: str, data: bytes, bit: int) -> None:
    checksum = CHECKSUMS[name]
    flipped = (int.from_bytes(data, "big") ^ 1 << bit % (8 * len(data))).to_bytes(len(data), "big")
    assert checksum.compute(data) != checksum.compute(flipped)
    assert 0 <= checksum.compute(data) < 1 << checksum.bits


@given(data=st.binary(max_size=64))
def test_bytes_and_their_complement_sum_to_nothing(data: bytes) -> None:
    complement = CHECKSUMS["sum8_complement"].compute(data)
    assert CHECKSUMS["sum8"].compute(data + bytes([complement])) == 0


def test_checksums_travel_between_processes() -> None:
    assert pickle.loads(pickle.dumps(CHECKSUMS))["crc16_arc"].compute(b"123456789") == 0xBB3D  # noqa: S301
