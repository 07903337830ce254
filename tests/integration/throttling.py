"""A front of Kinesis that refuses records one by one, as a shard does that is over its limit; the embedded server has
no limits."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import httpx

from local.process import LOOPBACK

REFUSAL = {
    "ErrorCode": "ProvisionedThroughputExceededException",
    "ErrorMessage": "Rate exceeded for shard shardId-000000000000 in stream device-data under account 000000000000.",
}


class Throttling:
    """Passes calls on to `kinesis`, but of a PutRecords not the records that `is_refused` says so of."""

    def __init__(self, kinesis: str, is_refused: Callable[[], bool]) -> None:
        self._server = ThreadingHTTPServer((LOOPBACK, 0), _handler(kinesis, is_refused))
        self.url = f"http://{LOOPBACK}:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(kinesis: str, is_refused: Callable[[], bool]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_put = self.headers["X-Amz-Target"].endswith(".PutRecords")
            answer = self._put(json.loads(body)) if is_put else self._pass_on(body)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def _put(self, call: dict[str, Any]) -> httpx.Response:
            refused = [is_refused() for _ in call["Records"]]
            taken = [record for record, is_out in zip(call["Records"], refused, strict=True) if not is_out]
            answer = self._pass_on(json.dumps(call | {"Records": taken}).encode())
            results = iter(answer.json()["Records"])
            records = [REFUSAL if is_out else next(results) for is_out in refused]
            content = json.dumps({"FailedRecordCount": sum(refused), "Records": records}).encode()
            return httpx.Response(200, content=content, headers={"Content-Type": answer.headers["Content-Type"]})

        def _pass_on(self, body: bytes) -> httpx.Response:
            kept = ("Content-Type", "X-Amz-Target", "Authorization", "X-Amz-Date")
            return httpx.post(kinesis, content=body, headers={name: self.headers[name] for name in kept})

        def log_message(self, *_: object) -> None:
            """Nothing: the test says what came of it."""

    return Handler
