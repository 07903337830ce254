"""A layout as boxes: what stands where, in the layout and in the parts of it."""

import pytest

from cli.spec_page.boxes import Box, Drawing, KeyTable, Nest, Pieces, Strip, draw_layout
from cli.spec_page.byte_map import Palette
from udfs.catalog import compile_catalog

HEAD = "product: probe\ntitle: Probe\nversion: 1\ndomain: telemetry\nexamples: [{payload: '', error: truncated}]\n"
DOMAIN = "domain: telemetry\ntitle: Telemetry\n"
UNIT = 'unit: "1"'


def draw(layout: str, format: str = "hex") -> Drawing:  # noqa: A002 - the spec's word
    texts = {"domains/telemetry.yaml": DOMAIN, "products/probe.yaml": f"{HEAD}format: {format}\n{layout}"}
    spec = compile_catalog(texts).products["probe"]
    (route,) = spec.routes
    return draw_layout(spec.document.layout, route.decoder, Palette())  # type: ignore[arg-type]


def outline(boxes: list[Box]) -> list[object]:
    """The boxes as texts: bytes of a strip with their names, pieces, nests with what is in them."""
    return [_outline(box) for box in boxes]


def _outline(box: Box) -> object:
    if isinstance(box, Strip):
        cells = [cell for row in box.map.rows for lane in row.lanes for cell in lane]
        return [f"{cell.start}-{cell.end} {cell.ink.name if cell.ink else '·'}" for cell in cells]
    if isinstance(box, Pieces):
        return tuple(f"{piece.ink.name} {piece.extent}".strip() for piece in box.pieces)
    if isinstance(box, KeyTable):
        return {row.key: outline(row.boxes) for row in box.rows}
    assert isinstance(box, Nest)
    return {box.title: outline(box.boxes)}


def places(drawing: Drawing) -> dict[str, tuple[str, ...]]:
    return {str(getattr(place.spec, "name", "")): (place.place, *place.trail) for place in drawing.fields}


def test_a_fixed_layout_is_one_strip_of_its_size() -> None:
    drawing = draw(
        "layout: {kind: length, size: 6, fields: "
        f"[{{name: a, type: u16, {UNIT}}}, {{name: b, at: 3, type: u8, {UNIT}}}]}}"
    )
    assert outline(drawing.boxes) == [["0-2 a", "2-3 ·", "3-4 b", "4-6 ·"]]
    assert places(drawing) == {"a": ("bytes 0–1",), "b": ("byte 3",)}


def test_literals_skipped_bytes_and_checksums_of_known_size_stand_in_the_strip() -> None:
    drawing = draw(
        "layout: {kind: hybrid, parts: "
        f"[{{literal: aa55}}, {{name: a, type: u8, {UNIT}}}, {{skip: 2}}, {{checksum: sum8}}]}}"
    )
    assert outline(drawing.boxes) == [["0-2 aa55", "2-3 a", "3-5 read over", "5-6 sum8"]]


def test_flags_are_drawn_as_the_bits_that_they_are() -> None:
    drawing = draw("layout: {kind: length, fields: [{name: alarms, type: u8, flags: {0: low, 7: tamper}}]}")
    (strip,) = drawing.boxes
    assert isinstance(strip, Strip)
    cells = strip.map.bit_bytes[0].lanes[0]
    assert [(cell.ink.name if cell.ink else "", cell.width) for cell in cells] == [("tamper", 1), ("", 6), ("low", 1)]


def test_keys_are_a_table_and_places_count_from_the_value() -> None:
    drawing = draw(f"layout: {{kind: key_value, keys: [{{key: '01', fields: [{{name: a, type: u16, {UNIT}}}]}}]}}")
    assert outline(drawing.boxes) == [{"01": [["0-2 a"]]}]
    assert places(drawing) == {"a": ("bytes +0–1", "key `01`")}


def test_either_way_of_a_condition_is_a_box_whose_places_go_on() -> None:
    drawing = draw(
        "layout: {kind: length, fields: [{name: has_a, type: u8, hidden: true}, "
        f"{{if: has_a, fields: [{{name: a, type: u8, {UNIT}}}], else: [{{name: b, type: u16, {UNIT}}}]}}]}}"
    )
    assert outline(drawing.boxes) == [
        ["0-1 has_a"],
        {"either": [{"if `has_a`": [["1-2 a"]]}, {"else": [["1-3 b"]]}]},
    ]
    assert places(drawing)["b"] == ("bytes 1–2", "if not `has_a`")


def test_each_case_is_a_box_even_where_it_is_of_several_values() -> None:
    drawing = draw(
        "layout: {kind: hybrid, parts: [{name: kind, type: u8, hidden: true}, "
        f"{{switch: kind, cases: {{'1, 2': [{{name: a, type: u8, {UNIT}}}], 3: [{{skip: rest}}]}}}}]}}"
    )
    assert outline(drawing.boxes[1:]) == [
        {"one of, by `kind`": [{"`kind` is `1, 2`": [["1-2 a"]]}, {"`kind` is `3`": [("read over the rest",)]}]}
    ]


def test_parts_behind_a_size_and_elements_count_from_their_own_begin() -> None:
    drawing = draw(
        "layout: {kind: hybrid, parts: [{literal: aa}, {prefix: u16, fields: [{name: count, type: u8, hidden: true}, "
        f"{{repeat: count, own_message: true, fields: [{{name: a, type: u8, {UNIT}}}]}}]}}]}}"
    )
    assert outline(drawing.boxes) == [
        ["0-1 aa"],
        {"size, then so many bytes": [("size u16",), ["0-1 count"], {"repeated `count` times": [["0-1 a"]]}]},
    ]


def test_a_text_is_pieces_in_a_line() -> None:
    drawing = draw(
        "layout: {kind: hybrid, separator: ';', parts: "
        "[{literal: $}, {name: a, type: text}, {name: b, type: text, length: 3}]}",
        "text",
    )
    assert outline(drawing.boxes) == [("$", "a up to `;`", "b 3 characters")]


@pytest.mark.parametrize(
    ("format", "layout", "row"),
    [
        ("json", "layout: {kind: json, each: d, fields: [{name: a, path: x.y, type: text}]}", ("x.y", "a", "text")),
        ("csv", "layout: {kind: csv, fields: [{name: a, column: A b, type: text}]}", ("A b", "a", "text")),
    ],
)
def test_documents_and_rows_are_tables_of_names(format: str, layout: str, row: tuple[str, ...]) -> None:  # noqa: A002
    (table,) = draw(layout, format).boxes
    assert [(where, ink.name, type_) for where, ink, type_ in table.rows] == [row]  # type: ignore[union-attr]
