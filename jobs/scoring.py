"""Scoring: the views that stand for model functions. Each device has a model of its own in keyed state.

Flink sorts the readings by event time (the OVER window) and leaves out late ones, so that a replay scores as the first
run did. What a model says of a reading is said before it learns it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pandas
from pyflink.common import Row, Time
from pyflink.common.typeinfo import TypeInformation, Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import StateTtlConfig, ValueStateDescriptor
from pyflink.table import DataTypes, Schema, StreamTableEnvironment
from pyflink.table.types import (
    ArrayType,
    BigIntType,
    BooleanType,
    DataType,
    DoubleType,
    IntType,
    LocalZonedTimestampType,
    MapType,
)
from pyflink.table.udf import ScalarFunction, udf

from jobs.model_calls import ModelCall
from jobs.remote_models import CircuitBreaker, Reading, remote_model
from udfs.detectors.assessment import Assessment, Detector, Forecast

_FORGOTTEN_AFTER: Final = Time.days(90)
"""A device that sent nothing for so long, by the clock, begins with a new model."""

_IN_ORDER: Final = (
    "SELECT {columns}, `{column}` AS reading_, {limit} AS limit_, COUNT(*) OVER ("
    "PARTITION BY device_id ORDER BY event_time ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS nth_ "
    "FROM `{view}` WHERE `{column}` IS NOT NULL"
)
_VIEW: Final = "CREATE TEMPORARY VIEW `{name}` AS SELECT {columns} FROM `{rows}`"
_SCORED_REMOTELY: Final = "SELECT *, {remote} AS remote_ FROM ({readings})"
_READING, _LIMIT, _REMOTE, _COLUMNS_END = -4, -3, -1, -4
_SAID: Final[Mapping[str, DataType]] = {
    "DOUBLE": DataTypes.DOUBLE(),
    "BOOLEAN": DataTypes.BOOLEAN(),
    "STRING": DataTypes.STRING(),
}


def _model_state() -> ValueStateDescriptor:
    state = ValueStateDescriptor("model", Types.PICKLED_BYTE_ARRAY())
    state.enable_time_to_live(StateTtlConfig.new_builder(_FORGOTTEN_AFTER).build())
    return state


class Score(KeyedProcessFunction):  # type: ignore[misc]
    """Keyed by device; in: the view's columns and the reading, in order of time; out: the columns and what was said."""

    def __init__(self, call: ModelCall, event_time: int) -> None:
        self._call, self._event_time = call, event_time

    def open(self, runtime_context: RuntimeContext) -> None:
        self._state = runtime_context.get_state(_model_state())

    def process_element(self, value: Row, ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        columns = [*value]
        model = self._state.value() or self._call.model()
        said = _say(self._call, model, columns[self._event_time], columns[_READING], columns[_LIMIT])
        self._state.update(model)
        remote = columns[_REMOTE]
        if remote is not None and isinstance(said, Assessment):
            said = said._replace(score=remote, warm=True, explanation=f"by {self._call.parameter('endpoint')}")
        yield Row(*columns[:_COLUMNS_END], *said)


def _say(call: ModelCall, model: Any, time: int, reading: float, limit: float | None) -> Assessment | Forecast:
    if isinstance(model, Detector):
        return model.assess(time, reading)
    model.learn(time, reading)
    said: Forecast = model.forecast(int(call.parameter("horizon") or 0), limit)
    return said


def create_scored_view(t_env: StreamTableEnvironment, call: ModelCall) -> None:
    """The view of `call.name`; its columns are those of the call's view, but for arrays, and of the call."""
    schema = t_env.from_path(f"`{call.view}`").get_schema()
    columns = zip(schema.get_field_names(), schema.get_field_data_types(), strict=True)
    # PyFlink 1.20 cannot take arrays out of a table: `quality` stays behind.
    kinds = {name: kind for name, kind in columns if not isinstance(kind, ArrayType)}
    readings = t_env.to_data_stream(t_env.sql_query(_scored_remotely(t_env, call, _in_order(call, kinds))))
    names = list(kinds)
    device = names.index("device_id")
    physical = {_physical(name, kind): _physical_type(kind) for name, kind in kinds.items()}
    physical |= {name: _SAID[kind] for name, kind in call.columns.items()}
    row = Types.ROW_NAMED(list(physical), [_type_info(kind) for kind in physical.values()])
    scored = (
        readings.key_by(lambda reading: reading[device], key_type=Types.STRING())
        .process(Score(call, names.index("event_time")), row)
        .name(call.name)
    )
    rows = f"{call.name}_rows"
    t_env.create_temporary_view(rows, t_env.from_data_stream(scored, _schema()))
    selected = [f"{_restored(name, kind)} AS `{name}`" for name, kind in kinds.items()]
    selected += [f"`{name}`" for name in call.columns]
    t_env.execute_sql(_VIEW.format(name=call.name, columns=", ".join(selected), rows=rows))


def _in_order(call: ModelCall, kinds: Mapping[str, DataType]) -> str:
    limit = call.parameter("limit_name")
    return _IN_ORDER.format(
        columns=", ".join(_epoch_ms(name) if _is_time(kind) else f"`{name}`" for name, kind in kinds.items()),
        column=call.column,
        limit="CAST(NULL AS DOUBLE)" if limit is None else f"limits['{limit}']",
        view=call.view,
    )


def _scored_remotely(t_env: StreamTableEnvironment, call: ModelCall, readings: str) -> str:
    """The readings with the score of the call's endpoint, null where it has none or does not answer."""
    endpoint = call.parameter("endpoint")
    if endpoint is None:
        return _SCORED_REMOTELY.format(remote="CAST(NULL AS DOUBLE)", readings=readings)
    function = f"remote_{call.name}"
    remote = udf(RemoteScore(str(endpoint)), result_type=DataTypes.DOUBLE(), func_type="pandas")
    t_env.create_temporary_function(function, remote)
    return _SCORED_REMOTELY.format(remote=f"{function}(device_id, event_time, reading_)", readings=readings)


class RemoteScore(ScalarFunction):  # type: ignore[misc]
    """device_id, event_time (epoch ms), reading → score; a batch at once."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def open(self, function_context: Any) -> None:
        self._breaker = CircuitBreaker(remote_model(self._endpoint))

    def eval(self, device_ids: Any, event_times: Any, readings: Any) -> Any:
        batch = [Reading(*each) for each in zip(device_ids, event_times, readings, strict=True)]
        scores = self._breaker.score(batch)
        return pandas.Series(scores if scores is not None else [None] * len(batch), dtype="float64")


def _epoch_ms(name: str) -> str:
    return f"EXTRACT(EPOCH FROM `{name}`) * 1000 + EXTRACT(MILLISECOND FROM `{name}`) AS `{name}`"


def _is_time(kind: DataType) -> bool:
    return isinstance(kind, LocalZonedTimestampType)


def _physical(name: str, kind: DataType) -> str:
    """Times cross the boundary as epoch milliseconds."""
    return f"{name}_ms" if _is_time(kind) else name


def _physical_type(kind: DataType) -> DataType:
    return DataTypes.BIGINT() if _is_time(kind) else kind


def _restored(name: str, kind: DataType) -> str:
    if name == "event_time":
        return "event_time_"
    return f"TO_TIMESTAMP_LTZ(`{name}_ms`, 3)" if _is_time(kind) else f"`{name}`"


def _schema() -> Schema:
    timed = Schema.new_builder().column_by_expression("event_time_", "TO_TIMESTAMP_LTZ(event_time_ms, 3)")
    return timed.watermark("event_time_", "SOURCE_WATERMARK()").build()


def _type_info(kind: DataType) -> TypeInformation:
    if isinstance(kind, MapType):
        return Types.MAP(_type_info(kind.key_type), _type_info(kind.value_type))
    simple = {BigIntType: Types.LONG(), BooleanType: Types.BOOLEAN(), DoubleType: Types.DOUBLE(), IntType: Types.INT()}
    return simple.get(type(kind), Types.STRING())
