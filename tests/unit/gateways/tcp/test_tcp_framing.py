"""The framer: pieces depend on the bytes alone, nothing vanishes, memory is bounded."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.tcp.framing import MAX_NOISE, Framer, Piece
from udfs.catalog import compile_catalog, read_specs
from udfs.cuts import FrameCutter
from udfs.product import payload_bytes

CATALOG = compile_catalog(read_specs(Path(__file__).parents[4] / "specs"))
STREAMS = {name: spec.stream for name, spec in CATALOG.products.items() if spec.stream is not None}


def frames_of(name: str) -> list[bytes]:
    """The frames of a product's stream examples, as they were on the wire."""
    spec = CATALOG.products[name]
    assert spec.document.stream is not None
    ending = b"\r" if name == "suntech-st300" else b""
    return [
        payload_bytes(payload, spec.format) + ending
        for example in spec.document.stream.examples
        for payload in example.payloads
    ]


def pieces(framer: Framer, segments: Sequence[bytes]) -> list[Piece]:
    found = []
    for segment in segments:
        framer.feed(segment)
        while (piece := framer.next()) is not None:
            found.append(piece)
    framer.finish()
    while (piece := framer.next()) is not None:
        found.append(piece)
    return found


@st.composite
def streams(draw: st.DrawFn, name: str) -> bytes:
    """Frames of the product, whole, cut or with a byte changed, and garbage between them."""
    frame = st.sampled_from(frames_of(name))
    cut = st.builds(lambda data, at: data[: at % len(data)], frame, st.integers(0, 500))
    changed = st.builds(
        lambda data, at, byte: data[: at % len(data)] + bytes([byte]) + data[at % len(data) + 1 :],
        frame,
        st.integers(0, 500),
        st.integers(0, 255),
    )
    garbage = st.one_of(st.binary(max_size=20), st.sampled_from([b"\x78\x78", b"\0" * 9, b"$$", b"/", b"\r\n"]))
    return b"".join(draw(st.lists(st.one_of(frame, cut, changed, garbage), max_size=8)))


@pytest.mark.parametrize("name", STREAMS)
@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_pieces_do_not_depend_on_segments(name: str, data: st.DataObject) -> None:
    stream, sent = STREAMS[name], data.draw(streams(name))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=12)))
    segments = [sent[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    at_once = pieces(Framer(stream.cutters, stream.filler), [sent])
    assert pieces(Framer(stream.cutters, stream.filler), segments) == at_once
    assert pieces(Framer(stream.cutters, stream.filler), [bytes([byte]) for byte in sent]) == at_once


@pytest.mark.parametrize("name", ["concox-gt06", "teltonika-8e", "meitrack-aaa"])
@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_no_byte_vanishes_but_filler(name: str, data: st.DataObject) -> None:
    stream, sent = STREAMS[name], data.draw(streams(name))
    kept = b"".join(piece.data for piece in pieces(Framer(stream.cutters, stream.filler), [sent]))
    assert _without(kept, stream.filler) == _without(sent, stream.filler)


def _without(data: bytes, filler: bytes) -> bytes:
    return data.translate(None, filler)


@pytest.mark.parametrize("name", STREAMS)
def test_real_frames_come_out_whole_between_garbage(name: str) -> None:
    stream = STREAMS[name]
    whole = [frame for frame in frames_of(name) if _is_whole(frame, stream.cutters)]
    assert whole
    sent = b"".join(frame + b"#" for frame in whole) if name != "suntech-st300" else b"".join(whole)
    found = [piece.data for piece in pieces(Framer(stream.cutters, stream.filler), [sent]) if piece.form is not None]
    assert found == [frame.removesuffix(b"\r") if name == "suntech-st300" else frame for frame in whole]


def _is_whole(frame: bytes, cutters: Sequence[FrameCutter]) -> bool:
    return any(
        frame.startswith(cutter.start)
        and (cut := cutter.cut(bytearray(frame), 0)) is not None
        and cut.taken == len(frame)
        for cutter in cutters
    )


def test_a_size_that_lies_costs_its_own_frame_only() -> None:
    heartbeat = bytes.fromhex("78780a13440604000201baaf540d0a")
    framer = Framer(STREAMS["concox-gt06"].cutters)
    lying = heartbeat[:2] + b"\x0b" + heartbeat[3:]
    assert pieces(framer, [lying + heartbeat * 2]) == [Piece(lying, None), Piece(heartbeat, 0), Piece(heartbeat, 0)]


def test_garbage_goes_on_in_pieces_and_does_not_gather() -> None:
    framer = Framer(STREAMS["concox-gt06"].cutters)
    for _ in range(20):
        framer.feed(b"x" * 1000)
        while (piece := framer.next()) is not None:
            assert piece == Piece(b"x" * MAX_NOISE, None)
        assert framer.waiting <= MAX_NOISE + 1


def test_the_nearest_start_counts_and_of_two_there_the_longer() -> None:
    forms = [
        FrameCutter(start=b"A", max_bytes=99, separator=b";"),
        FrameCutter(start=b"AB", max_bytes=99, separator=b";"),
    ]
    assert pieces(Framer(forms), [b"Ax;ABy;"]) == [Piece(b"Ax", 0), Piece(b"ABy", 1)]
    assert pieces(Framer(forms), [b"A", b"By;Az;"]) == [Piece(b"ABy", 1), Piece(b"Az", 0)]


def test_what_came_until_a_pause_is_a_frame() -> None:
    framer = Framer([FrameCutter(start=b"", max_bytes=99, pause=0.1)])
    framer.feed(b"12")
    framer.feed(b"34")
    assert (framer.next(), framer.pause) == (None, 0.1)
    framer.finish()
    assert framer.next() == Piece(b"1234", 0)
    framer.feed(b"56")
    assert framer.next() is None
