"""From the text of one spec file to a compiled domain or product."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from udfs.column import Column
from udfs.computed import compile_computed
from udfs.contract import compile_check, time_policy
from udfs.document import Place, read_document, suggest
from udfs.errors import REASONS
from udfs.layouts.base import compile_each
from udfs.layouts.registry import compile_layout
from udfs.layouts.routes import compile_routes
from udfs.meaning import TIMESTAMPS, Field, Scope
from udfs.model import DomainDocument, Example, ProductDocument, UnifiedMeasurement
from udfs.product import ProductSpec
from udfs.references import check_marks, check_names, names_asked, names_of
from udfs.steps import StepRule
from udfs.stream import compile_stream
from udfs.typed_document import read_typed
from udfs.units import unit_fault


def compile_domain(file: str, text: str) -> DomainDocument:
    """The domain that a file of specs/domains describes; raises SpecError."""
    root = read_document(file, text)
    document = read_typed(root, DomainDocument)
    _check_file_name(file, document.domain, root / "domain")
    compile_each(document.measurements, root / "measurements", _check_unified)
    unified_measurements(document, root)
    return document


def compile_product(file: str, text: str, domains: Mapping[str, DomainDocument]) -> ProductSpec:
    """The product that a file of specs/products describes; raises SpecError."""
    root = read_document(file, text)
    document = read_typed(root, ProductDocument)
    _check_file_name(file, document.product, root / "product")
    domain = domains.get(document.domain)
    if domain is None:
        message = f"no domain `{document.domain}` in specs/domains{suggest(document.domain, domains)}"
        raise (root / "domain").error(message)
    names = names_asked(document.without_stream, root)
    steps: list[StepRule] = []

    def scope() -> Scope:
        unified = {name: unified_measurements(other) for name, other in domains.items()}
        return Scope(
            main_domain=document.domain,
            time_field=document.event_time.field,
            unified=unified,
            referenced=frozenset(names),
            steps=steps,
        )

    routes = compile_routes(
        document.layout, root / "layout", lambda layout, at: compile_layout(layout, at, scope(), document.format)
    )
    fields = [field for route in routes for field in route.decoder.fields]
    computed = compile_each(document.computed, root / "computed", lambda spec, at: compile_computed(spec, at, scope()))
    fields += [value.field for value in computed]
    checks = compile_each(document.checks, root / "checks", compile_check)
    check_names(names, names_of(fields))
    check_marks(document.without_stream, root)
    _check_time_field(document, fields, root)
    compile_each(document.examples, root / "examples", _check_example)
    return ProductSpec(
        product=document.product,
        title=document.title,
        version=document.version,
        domain=document.domain,
        format=document.format,
        columns=_columns(fields),
        document=document,
        routes=routes,
        computed=tuple(computed),
        checks=tuple(checks),
        steps=tuple(steps),
        time_policy=time_policy(domain.event_time, document.event_time),
        stream=None if document.stream is None else compile_stream(document, document.stream, root / "stream"),
    )


def unified_measurements(domain: DomainDocument, root: Place | None = None) -> dict[str, UnifiedMeasurement]:
    """The domain's measurements by each of their names; raises SpecError where a name is taken twice."""
    by_name: dict[str, UnifiedMeasurement] = {}
    for index, measurement in enumerate(domain.measurements):
        for name in (measurement.name, *measurement.also):
            if name in by_name and root is not None:
                raise (root / "measurements" / index).error(f"the name `{name}` is taken by {by_name[name].name}")
            by_name[name] = measurement
    return by_name


def _columns(fields: Iterable[Field]) -> tuple[Column, ...]:
    columns: dict[tuple[str, str], Column] = {}
    for field in fields:
        for column in field.columns:
            columns.setdefault((column.domain, column.name), column)
    return tuple(columns.values())


def _check_file_name(file: str, name: str, place: Place) -> None:
    stem = PurePosixPath(file).stem
    if stem != name:
        raise place.error(f"`{name}` stands in the file {stem}.yaml: both names must be the same")


def _check_unified(measurement: UnifiedMeasurement, place: Place) -> None:
    fault = unit_fault(measurement.unit)
    if fault is not None:
        raise (place / "unit").error(fault)


def _check_time_field(document: ProductDocument, fields: Sequence[Field], root: Place) -> None:
    name = document.event_time.field
    if name is None:
        return
    place = root / "event_time" / "field"
    is_timestamp = {field.name: field.is_timestamp for field in fields}
    if name not in is_timestamp:
        raise place.error(f"no field `{name}` in the layout{suggest(name, is_timestamp)}")
    if not is_timestamp[name]:
        raise place.error(f"field `{name}` is no timestamp: give it one of {', '.join(TIMESTAMPS)}")


def _check_example(example: Example, place: Place) -> None:
    if (example.expect is None) == (example.error is None):
        raise place.error("an example has either `expect` (the readings) or `error` (the reason code)")
    if example.error is not None and example.error not in REASONS:
        hint = suggest(example.error, REASONS) or f": expected one of {', '.join(sorted(REASONS))}"
        raise (place / "error").error(f"unknown reason code `{example.error}`{hint}")
