"""Reads `<rule>.test.yaml`, the timed cases beside a rule file; refuses what could never run, with line and column."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from jobs.durations import duration_text
from jobs.rule_cases import Case, RuleTests, Series
from jobs.rules import Rule
from jobs.series_expression import expand
from udfs.catalog import Catalog
from udfs.document import Place, read_document, suggest
from udfs.errors import SpecError, SpecErrors
from udfs.product import ProductSpec
from udfs.typed_document import read_typed


def cases_file(rule: Rule) -> Path:
    return Path(rule.file).with_suffix(".test.yaml")


def read_cases(rule: Rule, catalog: Catalog) -> list[Case]:
    """The cases beside `rule`, none where it has no test file; raises SpecErrors with every fault of the file."""
    path = cases_file(rule)
    if not path.exists():
        return []
    root = read_document(str(path), path.read_text(encoding="utf-8"))
    cases = read_typed(root, RuleTests).cases
    faults = list(_faults(root / "cases", cases, rule, catalog))
    if faults:
        raise SpecErrors(faults)
    return cases


def read_all_cases(rules: Sequence[Rule], catalog: Catalog) -> list[tuple[Rule, Case]]:
    """The cases of all `rules`; raises SpecErrors: every fault of every file, and files that have lost their rule."""
    found, faults = [], _orphans(rules)
    for rule in rules:
        try:
            found += [(rule, case) for case in read_cases(rule, catalog)]
        except SpecErrors as errors:
            faults += errors.errors
        except SpecError as error:
            faults.append(error)
    if faults:
        raise SpecErrors(faults)
    return found


def _orphans(rules: Sequence[Rule]) -> list[SpecError]:
    """A test file in the rules' folders without a rule beside it would pass for ever."""
    files = {path for rule in rules for path in Path(rule.file).parent.glob("*.test.yaml")}
    lost = [path for path in sorted(files) if not path.with_name(path.name.replace(".test.yaml", ".sql")).exists()]
    return [SpecError(f"no rule {path.name.replace('.test.yaml', '.sql')} beside it", file=str(path)) for path in lost]


def _faults(place: Place, cases: list[Case], rule: Rule, catalog: Catalog) -> Iterator[SpecError]:
    times = Counter(case.name for case in cases)
    for index, case in enumerate(cases):
        at = place / index
        if times[case.name] > 1:
            yield (at / "name").error(f"{times[case.name]} cases of this file have the name `{case.name}`")
        for number, series in enumerate(case.series):
            yield from _series_faults(at / "series" / number, series, rule, catalog)
        yield from _limit_faults(at / "limits", case, rule)
        for number, mark in enumerate(case.marks):
            yield from _unknown(at / "marks" / number / "device", "series of the device", [mark.device], _devices(case))
        for number, alarm in enumerate(case.alarms):
            yield from _unknown(
                at / "alarms" / number / "device", "series of the device", [alarm.device], _devices(case)
            )


def _series_faults(place: Place, series: Series, rule: Rule, catalog: Catalog) -> Iterator[SpecError]:
    product = series.product or rule.product
    spec = catalog.products.get(product)
    if spec is None:
        yield from _unknown(place / "product", "product", [product], catalog.products)
        return
    unreadable = list(_expression_faults(place / "measurements", series))
    if unreadable:
        yield from unreadable
        return
    for kind, columns in (("measurement", series.values), ("attribute", series.attributes)):
        at = place / f"{kind}s"
        yield from _unknown(at, f"{kind} of {product}", columns, _names(spec, kind))
        yield from _length_faults(at, series, columns)
    if series.num_steps == 0:
        yield place.error("a series without a value: give `measurements` or `attributes` a list each")
    elif duration := _bad_late(series):
        yield (place / "late").error(duration)


def _expression_faults(place: Place, series: Series) -> Iterator[SpecError]:
    for name, said in series.measurements.items():
        try:
            expand(said if isinstance(said, str) else "0")
        except ValueError as fault:
            yield (place / name).error(str(fault))


def _names(spec: ProductSpec, kind: str) -> list[str]:
    return [column.name for column in spec.columns if column.kind == kind and column.domain == spec.domain]


def _length_faults(place: Place, series: Series, columns: Mapping[str, Sequence[object]]) -> Iterator[SpecError]:
    for name, values in columns.items():
        if len(values) != series.num_steps:
            message = f"{len(values)} values, another list of the series has {series.num_steps}; write null for a gap"
            yield (place / name).error(message)


def _bad_late(series: Series) -> str:
    for time, arrival in series.arrivals.items():
        if time not in series.times:
            return f"the series has no reading at {duration_text(time)}"
        if arrival < time:
            return f"a reading of {duration_text(time)} cannot arrive before, at {duration_text(arrival)}"
    return ""


def _limit_faults(place: Place, case: Case, rule: Rule) -> Iterator[SpecError]:
    yield from _unknown(place, "series of the device", case.limits, _devices(case))
    for device, limits in case.limits.items():
        yield from _unknown(place / device, f"limit of {rule.name}", limits, rule.header.limits)


def _devices(case: Case) -> set[str]:
    return {series.device for series in case.series}


def _unknown(place: Place, what: str, names: Iterable[str], known: Iterable[str]) -> Iterator[SpecError]:
    known = sorted(known)
    for name in names:
        if name not in known:
            hint = suggest(name, known) or f"; there are: {', '.join(known) or 'none'}"
            yield place.error(f"no {what} `{name}`{hint}")
