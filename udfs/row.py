"""One record in the making: what a layout reads out of a payload before the envelope is added."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

Value = float | int | str | bool
Readings = Mapping[str, Value]


class Row(msgspec.Struct, gc=False):
    """Measurements, attributes and contract warnings of one message; `time` is its own timestamp in epoch ms.

    `values` holds what expressions ask for, hidden fields among them. `others` holds the record's messages of domains
    that are not the product's; `domain` is empty for the product's own.
    """

    measurements: dict[str, float] = {}
    attributes: dict[str, str] = {}
    quality: list[str] = []
    time: int | None = None
    values: dict[str, Any] = {}
    domain: str = ""
    others: dict[str, "Row"] | None = None

    def readings(self) -> dict[str, float | str]:
        """Measurements and attributes under one roof, as examples and encoders take them."""
        return {**self.measurements, **self.attributes}

    def of_domain(self, domain: str) -> "Row":
        """The record's message of a domain, begun where there is none yet."""
        if domain == self.domain:
            return self
        if self.others is None:
            self.others = {}
        if domain not in self.others:
            self.others[domain] = Row(domain=domain, values=self.values)
        return self.others[domain]

    def messages(self) -> Iterator["Row"]:
        """The record's messages, the main one only if it says something or is alone."""
        if self.others is None or self.measurements or self.attributes:
            yield self
        for other in (self.others or {}).values():
            other.time = self.time
            yield other


def number_text(value: float) -> str:
    """The shortest decimal form: 100 for 100.0, 384.5 for 384.5."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
