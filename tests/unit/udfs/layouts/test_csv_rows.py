"""CSV: several rows a payload, all of them or none."""

import pytest
from probe import compile_probe, decoder_of

from udfs.errors import DecodeError, SpecError
from udfs.layouts.frame import Span

FIELDS = """
    fields:
      - {name: temperature, type: decimal, decimals: 1, unit: Cel, required: true}
      - {name: door, column: Door, type: text, enum: {"0": closed, "1": open}}
      - {name: note, type: text, quoted: true}
"""
SEMICOLON = f"kind: csv\ndelimiter: ;\ndecimal: ','{FIELDS}".replace("\n    ", "\n")
COMMA = f"kind: csv\nheader: false{FIELDS}".replace("\n    ", "\n")
HEADER = "temperature;Door;note\n"


@pytest.mark.parametrize(
    ("layout", "payload", "rows"),
    [
        (SEMICOLON, HEADER + '4,5;0;"a;b"\n', [{"temperature": 4.5, "door": "closed", "note": "a;b"}]),
        (SEMICOLON, HEADER + '-0,5;;"say ""x"""\n', [{"temperature": -0.5, "note": 'say "x"'}]),
        (
            SEMICOLON,
            HEADER + '1,0;1;""\n2,0;;"ü"\n',
            [{"temperature": 1, "door": "open"}, {"temperature": 2, "note": "ü"}],
        ),
        (COMMA, '4.5,1,"x"\n', [{"temperature": 4.5, "door": "open", "note": "x"}]),
    ],
)  # fmt: skip
def test_rows_are_messages_and_come_back(layout: str, payload: str, rows: list[dict[str, object]]) -> None:
    product = compile_probe(layout)
    decoded = [row.readings() for row in decoder_of(product).decode(payload)]
    assert decoded == rows
    assert product.encode(decoded) == payload


@pytest.mark.parametrize(
    "payload",
    ['temperature;Door;note\r\n4,5;0;"x"\r\n', 'note;temperature;Door\n"x";4,5;0', "temperature;Door;note\n4,5;0;x"],
)
def test_line_ends_order_and_quotes_are_free(payload: str) -> None:
    (row,) = decoder_of(compile_probe(SEMICOLON)).decode(payload)
    assert row.readings() == {"temperature": 4.5, "door": "closed", "note": "x"}


@pytest.mark.parametrize(
    ("payload", "reason", "field", "offset", "message"),
    [
        ("", "bad_csv", "", 0, "the header has no column temperature, Door, note"),
        (HEADER, "bad_csv", "", 22, "no row"),
        ("temprature;Door;note\n1;0;\n", "unknown_key", "", 0, "did you mean `temperature`"),
        ("Door;Door;note\n", "unknown_key", "", 5, "twice"),
        (HEADER + "1;0\n", "bad_csv", "rows[0]", 22, "row 1: 2 cells, expected 3"),
        (HEADER + "1;0;x\n\n1;0;y\n", "bad_csv", "rows[1]", 28, "row 2: 1 cells, expected 3"),
        (HEADER + "1;0;ü\n1.5;0;\n", "bad_value", "rows[1].temperature", 29, "row 2: temperature: '1.5' is no decimal"),
        (HEADER + "1;2;\n", "not_allowed", "rows[0].door", 24, "row 1: door 2 is none of 0, 1"),
        (HEADER + ";0;\n", "missing_field", "rows[0].temperature", 22, "temperature is required"),
        (HEADER + '1;0;"x\n', "bad_csv", "", 26, "line 2: a cell's quotes do not match"),
        (HEADER + '1;0;"x"y\n', "bad_csv", "", 26, "quotes"),
        (HEADER + "1;0;\x01\n", "bad_value", "rows[0].note", 26, "control character 0x01"),
    ],
)
def test_a_bad_row_refuses_the_payload(payload: str, reason: str, field: str, offset: int, message: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decoder_of(compile_probe(SEMICOLON)).decode(payload)
    error = caught.value
    assert (error.reason, error.field, error.byte_offset) == (reason, field, offset)
    assert message in error.message


@pytest.mark.parametrize(
    ("signs", "message"),
    [
        ("delimiter: ','\ndecimal: ','", "delimiter and decimal mark are the same character"),
        ("delimiter: '\"'", "delimiter and quote are the same character"),
        ("delimiter: ü", "one ASCII character"),
    ],
)
def test_signs_that_cannot_be_told_apart_are_spec_errors(signs: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        compile_probe(f"kind: csv\n{signs}\nfields: [{{name: x, type: text}}]")


def test_explaining_counts_the_quotes_of_a_cell_in() -> None:
    product = compile_probe("kind: csv\nheader: false\nfields: [{name: a, type: text}, {name: b, type: text}]")
    spans: list[Span] = []
    decoder_of(product).explain('"x;""y",z\n', spans)
    assert [(span.start, span.end, span.value) for span in spans] == [(0, 7, 'x;"y'), (8, 9, "z")]
