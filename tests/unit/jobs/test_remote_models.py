"""Remote models: real requests of boto3 to a server that speaks the endpoint's protocol; what fails is survived."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from jobs.remote_models import Bedrock, CircuitBreaker, Reading, RemoteModelError, SageMaker, remote_model

READINGS = [Reading("d1", 1000, 20.0), Reading("d2", 2000, 90.0)]


class Endpoint(BaseHTTPRequestHandler):
    """SageMaker's InvokeEndpoint and Bedrock's Converse; `answer` is what the model says."""

    answer: str | None = None
    asked: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((self.path, body))
        if self.answer is None:
            self.send_error(500)
            return
        said = self.answer
        if "converse" in self.path:
            message = {"role": "assistant", "content": [{"text": said}]}
            said = json.dumps({"output": {"message": message}, "stopReason": "end_turn"})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said.encode())

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def endpoint(monkeypatch) -> Iterator[type[Endpoint]]:
    handler = type("Handler", (Endpoint,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    for name in ("SAGEMAKER_RUNTIME", "BEDROCK_RUNTIME"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{name}", url)
    for name, value in {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x", "DEFAULT_REGION": "eu-central-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    yield handler
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", ["sagemaker:rooms", "bedrock:some.model-v1"])
def test_a_batch_is_one_request(endpoint, name) -> None:
    endpoint.answer = '{"scores": [{"score": 0.1}, {"score": 0.97}]}'
    assert remote_model(name).score(READINGS) == [0.1, 0.97]
    ((path, body),) = endpoint.asked
    assert name.partition(":")[2] in path
    assert b"90.0" in body


@pytest.mark.parametrize("answer", ["none", "{}", '{"scores": [{"score": 1}]}', '{"scores": [{"score": "x"}, {}]}'])
@pytest.mark.parametrize("model", [SageMaker, Bedrock])
def test_an_answer_that_is_none_is_told(endpoint, model, answer) -> None:
    endpoint.answer = answer
    with pytest.raises(RemoteModelError):
        model("rooms").score(READINGS)


def test_three_failures_open_the_circuit_and_a_while_later_it_asks_again(endpoint) -> None:
    now = [0.0]
    breaker = CircuitBreaker(SageMaker("rooms"), clock=lambda: now[0])
    assert [breaker.score(READINGS) for _ in range(5)] == [None] * 5
    assert len(endpoint.asked) == 3
    endpoint.answer = '{"scores": [{"score": 0}, {"score": 1}]}'
    now[0] = 31.0
    assert breaker.score(READINGS) == [0.0, 1.0]


@pytest.mark.parametrize("name", ["rooms", "lambda:x", "sagemaker:"])
def test_other_endpoints_are_refused(name) -> None:
    with pytest.raises(RemoteModelError, match="expected `sagemaker:ENDPOINT` or `bedrock:MODEL`"):
        remote_model(name)
