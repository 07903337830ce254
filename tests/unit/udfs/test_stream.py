"""The section `stream` of a spec: headers and replies are items like any others, faults are told in their place."""

import pytest
from msgspec.structs import fields
from probe import ROOT, compile_probe

from udfs.catalog import Catalog
from udfs.errors import DecodeError, SpecErrors
from udfs.model import FrameForm, FrameSize, LoginFrame, Reply, StreamDocument, StreamExample
from udfs.releases import release_of
from udfs.stream import StreamSpec

LAYOUT = "kind: length\nfields: [{name: level, type: u8, unit: '%'}]"


def stream_of(text: str) -> StreamSpec:
    spec = compile_probe(LAYOUT, f"stream:\n  frames: [{{size: {{type: u8}}}}]\n{text}")
    assert spec.stream is not None
    return spec.stream


def faults(text: str) -> list[str]:
    with pytest.raises(SpecErrors) as caught:
        stream_of(text)
    return [str(error).removeprefix("products/probe.yaml:") for error in caught.value.errors]


@pytest.mark.parametrize(
    ("serial", "reply"),
    # The two answers that the maker's protocol document prints.
    [(1, ("01", "787805010001d9dc0d0a")), (0x11, ("13", "787805130011f9700d0a"))],
)
def test_a_reply_is_written_of_the_headers_values(catalog: Catalog, serial: int, reply: tuple[str, str]) -> None:
    stream = catalog.products["concox-gt06"].stream
    assert stream is not None
    number, expected = reply
    assert stream.reply({"protocol_number": int(number, 16), "serial": serial}).hex() == expected
    assert stream.reply({"protocol_number": 0x12}) == b""


def test_a_header_is_read_as_far_as_it_goes(catalog: Catalog) -> None:
    stream = catalog.products["concox-gt06"].stream
    assert stream is not None
    values = stream.read(bytes.fromhex("78780d01012345678901234500018cdd0d0a"))
    assert (stream.device_of(values), values["serial"]) == ("123456789012345", 1)
    assert stream.device_of(stream.read(bytes.fromhex("787803120102"))) is None
    with pytest.raises(DecodeError, match="crc16_x25 is 8cde, 8cdd expected"):
        stream.read(bytes.fromhex("78780d01012345678901234500018cde0d0a"))


def test_replies_may_say_more_than_the_header() -> None:
    stream = stream_of("""
  header: [{skip: 1}, {name: count, type: u8}, {name: wants_time, bits: "2[0]", type: bool}]
  replies:
    - when: count > 0
      parts:
        - {name: count, type: u16}
        - {name: next, type: u8, equals: count + 1}
        - if: wants_time
          fields: [{name: zone, type: text, length: 3, default: UTC}]
""")
    assert stream.reply(stream.read(bytes.fromhex("020500"))).hex() == "000506"
    assert stream.reply(stream.read(bytes.fromhex("020501"))) == bytes.fromhex("000506") + b"UTC"
    assert stream.reply(stream.read(bytes.fromhex("020001"))) == b""


def test_faults_are_told_with_line_and_column() -> None:
    text = """
  header: [{skip: 1}, {name: count, type: u8}, {if: cuont > 1, fields: [{name: imei, type: digits, length: 8}]}]
"""
    assert faults(text) == [
        "10:53: stream.header[2].if: an expression asks for `cuont`, which is no field, did you mean `count`?"
    ]
    header = "  header: [{skip: 1}, {name: count, type: u8}]\n"
    assert faults(f"{header}  device: cuont\n") == [
        "10:11: stream.device: no header reads `cuont`, did you mean `count`?"
    ]
    assert faults(f"{header}  replies: [{{when: conut == 1, parts: [{{literal: '01'}}]}}]\n") == [
        "10:20: stream.replies[0].when: an expression asks for `conut`, which is no field, did you mean `count`?"
    ]
    assert faults(f"{header}  replies: [{{parts: [{{name: serial, type: u8}}, {{name: coun, type: u8}}]}}]\n") == [
        "10:29: stream.replies[0].parts[0].name: the header reads no `serial`: give it `equals` or `default`",
        "10:55: stream.replies[0].parts[1].name: the header reads no `coun`, did you mean `count`?",
    ]
    assert faults(f"{header}  replies: [{{parts: [{{checksum: crc16_arc, start: here}}]}}]\n") == [
        "10:51: stream.replies[0].parts[0].start: no item has `mark: here`"
    ]
    assert faults(f"{header}  replise: []\n") == ["10:3: stream: unknown key `replise`, did you mean `replies`?"]


def test_how_payloads_arrive_is_no_part_of_what_they_mean(catalog: Catalog) -> None:
    plain = release_of(compile_probe(LAYOUT))
    with_stream = compile_probe(LAYOUT, "stream: {frames: [{size: {type: u8}}], header: [{name: level, type: u16}]}\n")
    assert release_of(with_stream) == plain
    assert catalog.products["concox-gt06"].document.stream is not None


SECTION = (StreamDocument, FrameForm, FrameSize, LoginFrame, Reply, StreamExample)


@pytest.mark.parametrize("key", sorted({field.encode_name for struct in SECTION for field in fields(struct)}))
def test_the_reference_page_names_every_key_of_the_section(key: str) -> None:
    page = (ROOT / "specs/README.md").read_text().split("### Streams")[1].split("\n### ")[0]
    assert f"`{key}`" in page
