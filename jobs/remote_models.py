"""Remote models: a SageMaker endpoint or a Bedrock model scores in the place of a device's own model.

Readings go in the batches in which Flink hands them to Python. Where an answer fails or takes too long there is no
score, and the local model, which has learnt every reading all the while, speaks; after a few failures in a row nobody
asks for a while, so that a dead endpoint does not hold the job back.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from udfs.errors import SluiceError

TIMEOUT_SECONDS: Final = 2
FAILURES: Final = 3
"""So many in a row open the circuit …"""

PAUSE_SECONDS: Final = 30.0
"""… for so long."""

_log = logging.getLogger(__name__)


class Reading(NamedTuple):
    """What is to be scored; time in epoch ms."""

    device_id: str
    event_time: int
    value: float


class RemoteModelError(SluiceError):
    """An endpoint that cannot be named, or an answer that is none."""

    def __init__(self, endpoint: str, message: str) -> None:
        self.endpoint, self.message = endpoint, message
        super().__init__(f"{endpoint}: {message}")


class RemoteModel(Protocol):
    """One request for a batch: a score for each reading."""

    def score(self, readings: Sequence[Reading]) -> list[float]:
        """Raises BotoCoreError, ClientError or RemoteModelError."""
        ...


class SageMaker:
    """An endpoint that takes and gives what SageMaker's Random Cut Forest does: `instances` and `scores`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._client: Any = boto3.client("sagemaker-runtime", config=_client_config())

    def score(self, readings: Sequence[Reading]) -> list[float]:
        body = json.dumps({"instances": [{"features": [reading.value]} for reading in readings]})
        answer = self._client.invoke_endpoint(
            EndpointName=self._name, ContentType="application/json", Accept="application/json", Body=body
        )
        return _scores(self._name, answer["Body"].read(), len(readings))


class Bedrock:
    """A foundation model that is asked for the scores as JSON."""

    _ASK: Final = (
        "These are readings of IoT devices as JSON. Say of each how anomalous it is, from 0 to 1. Answer with nothing "
        'but {"scores": [{"score": number}, ...]}, one for each reading, in their order.\n'
    )

    def __init__(self, model: str) -> None:
        self._model = model
        self._client: Any = boto3.client("bedrock-runtime", config=_client_config())

    def score(self, readings: Sequence[Reading]) -> list[float]:
        text = self._ASK + json.dumps([reading._asdict() for reading in readings])
        answer = self._client.converse(
            modelId=self._model,
            messages=[{"role": "user", "content": [{"text": text}]}],
            inferenceConfig={"temperature": 0},
        )
        return _scores(self._model, answer["output"]["message"]["content"][0]["text"], len(readings))


_KINDS: Final[dict[str, Callable[[str], RemoteModel]]] = {"sagemaker": SageMaker, "bedrock": Bedrock}


def remote_model(endpoint: str) -> RemoteModel:
    """The model behind `sagemaker:NAME` or `bedrock:MODEL`; raises RemoteModelError."""
    kind, _, name = endpoint.partition(":")
    if kind not in _KINDS or not name:
        raise RemoteModelError(endpoint, "expected `sagemaker:ENDPOINT` or `bedrock:MODEL`")
    return _KINDS[kind](name)


@dataclass
class CircuitBreaker:
    """Asks a model unless it failed several times in a row just before."""

    model: RemoteModel
    clock: Callable[[], float] = time.monotonic
    failures: int = 0
    closed_from: float = 0.0

    def score(self, readings: Sequence[Reading]) -> list[float] | None:
        """The scores, or None where there are none."""
        if self.clock() < self.closed_from:
            return None
        try:
            scores = self.model.score(readings)
        except (BotoCoreError, ClientError, RemoteModelError) as error:
            self.failures += 1
            _log.warning("remote model failed %d times, the local one speaks: %s", self.failures, error)
            if self.failures >= FAILURES:
                self.closed_from, self.failures = self.clock() + PAUSE_SECONDS, 0
            return None
        self.failures = 0
        return scores


def _client_config() -> Config:
    return Config(connect_timeout=TIMEOUT_SECONDS, read_timeout=TIMEOUT_SECONDS, retries={"total_max_attempts": 1})


def _scores(endpoint: str, answer: bytes | str, number: int) -> list[float]:
    try:
        scores = [float(each["score"]) for each in json.loads(answer)["scores"]]
    except (ValueError, TypeError, KeyError) as error:
        raise RemoteModelError(endpoint, f"expected {{'scores': [{{'score': number}}, …]}}: {error!r}") from error
    if len(scores) != number:
        raise RemoteModelError(endpoint, f"{number} readings, {len(scores)} scores")
    return scores
