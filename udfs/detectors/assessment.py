"""What a model says of a reading. Detectors and forecasters see the readings of one device in order of time."""

from typing import NamedTuple, Protocol, runtime_checkable


class Assessment(NamedTuple):
    """How usual one reading is.

    `score` is 0 (as expected, or not warm yet) to 1; `lower` to `upper` is the usual; `explanation` is for operators.
    """

    score: float
    expected: float | None
    lower: float | None
    upper: float | None
    warm: bool
    explanation: str


class Forecast(NamedTuple):
    """What is expected a horizon from now, with its interval, and when a limit will be reached within the horizon.

    `seconds_to_limit` goes by the expected course, `earliest_seconds` by the bound of the interval nearer to the limit.
    """

    expected: float | None
    lower: float | None
    upper: float | None
    seconds_to_limit: float | None
    earliest_seconds: float | None
    warm: bool
    explanation: str


@runtime_checkable
class Detector(Protocol):
    """A model that tells the unusual."""

    def assess(self, time: int, value: float) -> Assessment:
        """What is said of `value` at `time` (epoch ms), before the model learns it."""
        ...


@runtime_checkable
class Forecaster(Protocol):
    """A model that tells what comes."""

    def learn(self, time: int, value: float) -> None:
        """Takes over `value` at `time` (epoch ms)."""
        ...

    def forecast(self, horizon: int, limit: float | None) -> Forecast:
        """What comes within `horizon` (ms) after the last reading; `limit` may lie above or below."""
        ...


def number(value: float) -> str:
    """A number as an operator reads it."""
    return f"{value:.4g}"
