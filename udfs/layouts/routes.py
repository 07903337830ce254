"""Which layout a payload has: chosen by the envelope's port or firmware, or by the payload's size."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from udfs.document import Place
from udfs.errors import DecodeError, EncodeError
from udfs.firmware import compile_firmware_range
from udfs.layouts.base import Decoder, compile_each
from udfs.model import Case, Layout, LayoutSwitch, PayloadLayout
from udfs.row import Readings

Circumstances = Mapping[str, Any]
"""`port`, `firmware` and `size` of a payload, each None where it is not known."""

CompileLayout = Callable[[PayloadLayout, Place], Decoder]


@dataclass(frozen=True)
class Condition:
    """What must hold of a circumstance; one that is not known fails it."""

    on: str
    text: str
    holds: Callable[[Any], bool]

    def is_met(self, circumstances: Circumstances) -> bool:
        value = circumstances.get(self.on)
        return value is not None and self.holds(value)


@dataclass(frozen=True)
class Route:
    """A layout and all the conditions on the way to it."""

    conditions: tuple[Condition, ...]
    decoder: Decoder

    @property
    def title(self) -> str:
        return ", ".join(f"{condition.on} {condition.text}" for condition in self.conditions)

    def is_open(self, circumstances: Circumstances) -> bool:
        return all(condition.is_met(circumstances) for condition in self.conditions)

    def may_be_open(self, circumstances: Circumstances) -> bool:
        """As `is_open`, where what is not known may be anything."""
        return all(
            condition.is_met(circumstances)
            for condition in self.conditions
            if circumstances.get(condition.on) is not None
        )


class Routes:
    """The layouts of a product, in the order in which they are asked."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes: Final = tuple(routes)
        self._only = routes[0].decoder if len(routes) == 1 and not routes[0].conditions else None

    def __iter__(self) -> Iterator[Route]:
        return iter(self.routes)

    def decoder(self, port: int | None, firmware: str | None, size: Callable[[], int]) -> Decoder:
        """The decoder of a payload; raises DecodeError unknown_layout."""
        if self._only is not None:
            return self._only
        circumstances = {"port": port, "firmware": firmware, "size": size()}
        for route in self.routes:
            if route.is_open(circumstances):
                return route.decoder
        known = "; ".join(route.title for route in self.routes)
        stated = f"port {port}, firmware {firmware}, {circumstances['size']} bytes"
        raise DecodeError("unknown_layout", f"no layout for {stated}: the spec has {known}")

    def encode(self, readings: Sequence[Readings], circumstances: Circumstances) -> str:
        """The payload by the first layout that takes these readings; raises EncodeError."""
        fault = EncodeError("no layout is meant for this port and firmware")
        for route in self.routes:
            if route.may_be_open(circumstances):
                try:
                    return route.decoder.encode(readings)
                except EncodeError as error:
                    fault = error
        raise fault


def compile_routes(layout: Layout, at: Place, compile_one: CompileLayout) -> Routes:
    """Every layout that stands at the document's place `at`; raises SpecErrors."""
    return Routes(list(_routes(layout, at, compile_one, ())))


def _routes(layout: Layout, at: Place, compile_one: CompileLayout, above: tuple[Condition, ...]) -> list[Route]:
    if not isinstance(layout, LayoutSwitch):
        return [Route(above, compile_one(layout, at))]
    on = layout.on

    def case_routes(case: Case, place: Place) -> list[Route]:
        return _routes(case.layout, place / "layout", compile_one, (*above, _condition(on, case, place / "when")))

    routes = [route for found in compile_each(layout.cases, at / "cases", case_routes) for route in found]
    return routes if layout.else_ is None else routes + _routes(layout.else_, at / "else", compile_one, above)


def _condition(on: str, case: Case, place: Place) -> Condition:
    values = case.when if isinstance(case.when, list) else [case.when]
    text = " or ".join(map(str, values))
    if on == "firmware":
        try:
            ranges = [compile_firmware_range(str(value)) for value in values]
        except ValueError as fault:
            raise place.error(str(fault)) from None
        return Condition(on, text, lambda version: any(holds(version) for holds in ranges))
    if not all(type(value) is int for value in values):
        raise place.error(f"a {on} is a whole number, or a list of them")
    return Condition(on, text, frozenset(values).__contains__)
