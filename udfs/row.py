"""One message in the making: what a layout reads out of a payload before the envelope is added."""

from collections.abc import Mapping

import msgspec

Value = float | int | str | bool
Readings = Mapping[str, Value]


class Row(msgspec.Struct, gc=False):
    """Measurements, attributes and contract warnings of one message; `time` is its own timestamp in epoch ms."""

    measurements: dict[str, float] = {}
    attributes: dict[str, str] = {}
    quality: list[str] = []
    time: int | None = None

    def readings(self) -> dict[str, float | str]:
        """Measurements and attributes under one roof, as examples and encoders take them."""
        return {**self.measurements, **self.attributes}


def number_text(value: float) -> str:
    """The shortest decimal form: 100 for 100.0, 384.5 for 384.5."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
