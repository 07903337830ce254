"""Model functions in a rule's SQL: `TABLE(seasonal_z(data => TABLE view, reading => DESCRIPTOR(column), …))`.

A call gives the rows of the view whose column has a value, in event-time order, with what the device's own model says
of it as further columns. Flink 1.20 has no such functions: the compiler puts a view in the place of each call.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Literal, NamedTuple

from udfs.detectors.assessment import Detector, Forecaster
from udfs.detectors.drift import Drift
from udfs.detectors.half_space_trees import HalfSpaceTrees
from udfs.detectors.holt_winters import HoltWinters
from udfs.detectors.novelty import Novelty
from udfs.detectors.seasonal_z import SeasonalZ
from udfs.document import suggest
from udfs.errors import SluiceError

Kind = Literal["duration", "count", "number", "text"]

COMMON: Final[Mapping[str, Kind]] = {"endpoint": "text"}
"""What every anomaly function takes: a remote model that goes before the local one."""


class ModelFunction(NamedTuple):
    """A function: how its model is made, and the parameters that it takes besides `data` and `reading`."""

    model: Callable[..., Detector | Forecaster]
    parameters: Mapping[str, Kind]
    """Of the model; durations in milliseconds."""
    forecasts: bool = False
    """A forecasting function also takes `horizon`, and `limit_name`, the name of a limit of the rule."""


FUNCTIONS: Final[Mapping[str, ModelFunction]] = {
    "seasonal_z": ModelFunction(SeasonalZ, {"season": "duration", "warm_up": "count"}),
    "drift": ModelFunction(Drift, {"warm_up": "count", "allowance": "number", "decision": "number"}),
    "half_space_trees": ModelFunction(HalfSpaceTrees, {"warm_up": "count"}),
    "novelty": ModelFunction(Novelty, {"warm_up": "count"}),
    "forecast": ModelFunction(HoltWinters, {"season": "duration", "warm_up": "count"}, forecasts=True),
}
ASSESSMENT: Final = {
    "score": "DOUBLE",
    "expected": "DOUBLE",
    "low": "DOUBLE",
    "high": "DOUBLE",
    "warm": "BOOLEAN",
    "explanation": "STRING",
}
"""The columns that an anomaly function adds."""

FORECAST: Final = {
    "expected": "DOUBLE",
    "low": "DOUBLE",
    "high": "DOUBLE",
    "seconds_to_limit": "DOUBLE",
    "earliest_seconds": "DOUBLE",
    "warm": "BOOLEAN",
    "explanation": "STRING",
}
"""The columns that a forecasting function adds."""

_INTERVAL_MS: Final = {"SECOND": 1_000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": 86_400_000}


class ModelCallError(SluiceError):
    """A call that cannot be used; `node` is where in the parser's tree."""

    def __init__(self, node: Any, message: str) -> None:
        self.node, self.message = node, message
        super().__init__(message)


@dataclass(frozen=True)
class ModelCall:
    """One call: the function over a column of a view, with parameters in milliseconds, numbers and texts."""

    function: str
    view: str
    column: str
    parameters: tuple[tuple[str, int | float | str], ...]

    @property
    def name(self) -> str:
        """The view that stands for the call; the same call is the same view in every rule."""
        digest = blake2b(repr(self).encode(), digest_size=6).hexdigest()
        return f"{self.function}_{digest}"

    @property
    def forecasts(self) -> bool:
        return FUNCTIONS[self.function].forecasts

    @property
    def columns(self) -> Mapping[str, str]:
        """The columns that the call adds, with their SQL types."""
        return FORECAST if self.forecasts else ASSESSMENT

    def parameter(self, name: str) -> int | float | str | None:
        return dict(self.parameters).get(name)

    def model(self) -> Detector | Forecaster:
        """A new model of one device."""
        function = FUNCTIONS[self.function]
        return function.model(**{name: value for name, value in self.parameters if name in function.parameters})


def read_call(node: Any) -> ModelCall | None:
    """The call in a node of the parser's tree, None for any other node; raises ModelCallError."""
    if str(node.getKind()) != "COLLECTION_TABLE":
        return None
    call = node.getOperandList()[0]
    name = str(call.getOperator().getName()).lower()
    if name not in FUNCTIONS:
        return None
    arguments = dict(_arguments(call))
    known: dict[str, str] = {"data": "table", "reading": "column", **_parameters(name)}
    for argument, value in arguments.items():
        if argument not in known:
            hint = suggest(argument, known) or f"; it takes {', '.join(known)}"
            raise ModelCallError(value, f"`{name}` has no argument `{argument}`{hint}")
    for required in ("data", "reading", *(["horizon"] if FUNCTIONS[name].forecasts else [])):
        if required not in arguments:
            raise ModelCallError(call, f"`{name}` needs `{required} => {_EXAMPLES[required]}`")
    parameters = {key: _value(key, kind, arguments[key]) for key, kind in _parameters(name).items() if key in arguments}
    _check_endpoint(arguments, parameters)
    view, column = _table(arguments["data"]), _column(arguments["reading"])
    return ModelCall(name, view, column, tuple(sorted(parameters.items())))


def _check_endpoint(arguments: Mapping[str, Any], parameters: Mapping[str, int | float | str]) -> None:
    kind, _, name = str(parameters.get("endpoint", "sagemaker:x")).partition(":")
    if kind not in ("sagemaker", "bedrock") or not name:
        raise ModelCallError(arguments["endpoint"], "expected `sagemaker:ENDPOINT` or `bedrock:MODEL`")


_EXAMPLES: Final = {
    "data": "TABLE milesight_am319_telemetry",
    "reading": "DESCRIPTOR(co2)",
    "horizon": "INTERVAL '6' HOUR",
}


def _parameters(name: str) -> dict[str, Kind]:
    function = FUNCTIONS[name]
    if function.forecasts:
        return {**function.parameters, "horizon": "duration", "limit_name": "text"}
    return {**function.parameters, **COMMON}


def _arguments(call: Any) -> Iterator[tuple[str, Any]]:
    for argument in call.getOperandList():
        if str(argument.getKind()) != "ARGUMENT_ASSIGNMENT":
            raise ModelCallError(argument, "arguments have names: write `data => TABLE …, reading => DESCRIPTOR(…)`")
        value, name = argument.getOperandList()
        yield str(name).lower(), value


def _table(node: Any) -> str:
    if str(node.getKind()) != "EXPLICIT_TABLE":
        raise ModelCallError(node, f"expected `{_EXAMPLES['data']}`")
    return str(node.getOperandList()[0])


def _column(node: Any) -> str:
    if str(node.getKind()) != "DESCRIPTOR" and "DESCRIPTOR" not in str(node):
        raise ModelCallError(node, f"expected `{_EXAMPLES['reading']}`")
    return str(node.getOperandList()[0])


def _value(name: str, kind: Kind, node: Any) -> int | float | str:
    found = str(node.getClass().getSimpleName())
    text = str(node.toValue()) if found.endswith("Literal") and found != "SqlIntervalLiteral" else str(node)
    if kind == "duration":
        if found != "SqlIntervalLiteral":
            raise ModelCallError(node, f"`{name}` is a duration: write `INTERVAL '1' DAY`")
        return _interval_ms(node)
    if kind == "text" and found == "SqlCharStringLiteral":
        return text
    if kind == "number" and found == "SqlNumericLiteral":
        return float(text)
    if kind == "count" and found == "SqlNumericLiteral" and text.isdecimal() and int(text) > 0:
        return int(text)
    raise ModelCallError(node, f"`{name}` is a {kind}, got `{text}`")


def _interval_ms(node: Any) -> int:
    interval = node.getValue()
    unit, literal = str(interval.getIntervalQualifier()), str(interval.getIntervalLiteral())
    if unit not in _INTERVAL_MS or not literal.isdecimal() or int(literal) == 0:
        raise ModelCallError(node, "durations are a whole number of SECOND, MINUTE, HOUR or DAY")
    return int(literal) * _INTERVAL_MS[unit]


def in_place_of(text: str, replacements: Mapping[tuple[int, int, int, int], str]) -> str:
    """`text` with these places (first line and column, last line and column, from 1) replaced; lines stay lines."""
    starts = [0]
    for row in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(row))
    for (line, column, last_line, last_column), name in sorted(replacements.items(), reverse=True):
        begin, end = starts[line - 1] + column - 1, starts[last_line - 1] + last_column
        text = text[:begin] + name + "\n" * text.count("\n", begin, end) + text[end:]
    return text
