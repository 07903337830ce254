"""Which decoder a layout compiles to, and the payload format that it reads."""

from udfs.document import Place
from udfs.layouts.base import Decoder
from udfs.layouts.csv_rows import CsvDecoder
from udfs.layouts.hybrid import HybridDecoder
from udfs.layouts.json_path import JsonDecoder
from udfs.layouts.key_value import KeyValueDecoder
from udfs.layouts.length import LengthDecoder
from udfs.meaning import Scope
from udfs.model import CsvLayout, HybridLayout, JsonLayout, KeyValueLayout, Layout, LengthLayout

FORMATS = {LengthLayout: "hex", KeyValueLayout: "hex", HybridLayout: "text", JsonLayout: "json", CsvLayout: "csv"}


def compile_layout(layout: Layout, at: Place, scope: Scope) -> Decoder:
    """The decoder of a layout that stands at the document's place `at`; raises SpecError or SpecErrors."""
    if isinstance(layout, LengthLayout):
        return LengthDecoder(layout, at, scope)
    if isinstance(layout, KeyValueLayout):
        return KeyValueDecoder(layout, at, scope)
    if isinstance(layout, HybridLayout):
        return HybridDecoder(layout, at, scope)
    if isinstance(layout, JsonLayout):
        return JsonDecoder(layout, at, scope)
    return CsvDecoder(layout, at, scope)
