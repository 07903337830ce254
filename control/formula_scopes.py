"""Which registered formula holds for whom: a device's before its customer's before its product's, name by name."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NamedTuple

SCOPES: Final = ("product", "customer", "device")
"""From the widest to the most specific."""


@dataclass(frozen=True)
class Registered:
    """A row of the table `formula`; times are UTC without zone."""

    formula_id: str
    name: str
    scope: str
    scope_id: str
    product: str
    expression: str
    unit: str
    valid_from: datetime | None
    valid_to: datetime | None
    version: int

    def holds_on(self, day: date) -> bool:
        """Whether it is valid when the day begins."""
        begin = datetime(day.year, day.month, day.day)  # noqa: DTZ001 the table's times are UTC without zone
        return (self.valid_from is None or self.valid_from <= begin) and (
            self.valid_to is None or begin < self.valid_to
        )


class Subject(NamedTuple):
    """Whose day it is: a customer's devices of a product together, or the one device. Texts are empty for none."""

    customer_id: str
    product: str
    device_id: str = ""


@dataclass(frozen=True)
class Choice:
    """The formula of a name that holds for a subject, and those it beat, the next best first."""

    subject: Subject
    won: Registered
    beaten: tuple[Registered, ...]


def choose(formulas: Iterable[Registered], subjects: Iterable[Subject], day: date) -> Iterator[Choice]:
    """What holds on the day for subjects that have aggregates, and for customers and devices that a formula names.

    A device is a subject of its own formulas only.
    """
    valid = [formula for formula in formulas if formula.scope in SCOPES and formula.holds_on(day)]
    of_scope: dict[tuple[str, str, str], list[Registered]] = {}
    for formula in valid:
        whose = "" if formula.scope == "product" else formula.scope_id
        of_scope.setdefault((formula.scope, formula.product, whose), []).append(formula)
    for subject in sorted({*subjects, *_named(valid, subjects)}):
        of_name: dict[str, list[Registered]] = {}
        for scope, whose in zip(SCOPES, ("", subject.customer_id, subject.device_id), strict=True):
            for formula in of_scope.get((scope, subject.product, whose), ()):
                of_name.setdefault(formula.name, []).append(formula)
        for name in sorted(of_name):
            won, *beaten = sorted(of_name[name], key=_precedence, reverse=True)
            if not subject.device_id or won.scope == "device":
                yield Choice(subject, won, tuple(beaten))


def _named(formulas: list[Registered], subjects: Iterable[Subject]) -> set[Subject]:
    """Customers and devices of formulas that nothing came from: they have a reason instead of a value."""
    seen = {(subject.product, subject.device_id) for subject in subjects}
    customers = {Subject(f.scope_id, f.product) for f in formulas if f.scope == "customer"}
    devices = {(f.product, f.scope_id) for f in formulas if f.scope == "device"} - seen
    return customers | {Subject("", product, device_id) for product, device_id in devices}


def _precedence(formula: Registered) -> tuple[int, int, str]:
    return SCOPES.index(formula.scope), formula.version, formula.formula_id
