"""Which decoder a layout compiles to, and the payload format that it reads."""

from udfs.document import Place
from udfs.layouts.base import Decoder
from udfs.layouts.csv_rows import CsvDecoder
from udfs.layouts.frame_decoder import FrameDecoder
from udfs.layouts.json_path import JsonDecoder
from udfs.meaning import Scope
from udfs.model import CsvLayout, HybridLayout, JsonLayout, KeyValueLayout, LengthLayout, PayloadLayout

FORMATS = {
    LengthLayout: ("hex",),
    KeyValueLayout: ("hex", "text"),
    HybridLayout: ("text", "hex"),
    JsonLayout: ("json",),
    CsvLayout: ("csv",),
}


def compile_layout(layout: PayloadLayout, at: Place, scope: Scope, payload_format: str) -> Decoder:
    """The decoder of a layout that stands at the document's place `at`; raises SpecError or SpecErrors."""
    formats = FORMATS[type(layout)]
    if payload_format not in formats:
        raise at.error(f"this layout reads format {' or '.join(formats)}, not {payload_format}")
    if isinstance(layout, JsonLayout):
        return JsonDecoder(layout, at, scope)
    if isinstance(layout, CsvLayout):
        return CsvDecoder(layout, at, scope)
    return FrameDecoder(layout, at, scope, is_text=payload_format == "text")
