"""A rule whose model is an endpoint: its score decides, and the local model speaks where it does not answer."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

RULE = """/*
title: Unusual, says the endpoint
severity: minor
type: anomaly
limits:
  score_max: {default: 0.8, unit: "1"}
clear_after: 1 h
*/
SELECT device_id, event_time, customer_id, site_id, temperature AS `value`, score, explanation
FROM TABLE(seasonal_z(data => TABLE milesight_em300_th_telemetry, reading => DESCRIPTOR(temperature),
                      warm_up => 10, endpoint => 'sagemaker:rooms'))
WHERE score > limits['score_max']
"""
READINGS = (
    "20 20.5 19.8 20.2 19.6 20.3 19.9 20.4 20.1 19.7 20.2 19.9 20.5 19.8 20.3 20.4 19.9 20.1 "
    "21 20.2 19.9 20.1 60 20.2 19.8 20.1"
)
CASES = """
cases:
  - name: {name}
    series:
      - {{device: hall, measurements: {{temperature: "{readings} @10 min"}}}}
    alarms:
      - {{at: {raised}, device: hall, state: raised, value: {value}}}
      - {{at: {cleared}, device: hall, state: cleared}}
"""


class Endpoint(BaseHTTPRequestHandler):
    """SageMaker's InvokeEndpoint: finds 21 degrees unusual and nothing else."""

    batches: list[int]

    def do_POST(self) -> None:
        instances = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["instances"]
        self.batches.append(len(instances))
        scores = [{"score": 0.9 if instance["features"] == [21.0] else 0.1} for instance in instances]
        body = json.dumps({"scores": scores}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[tuple[type[Endpoint], str]]:
    handler = type("Handler", (Endpoint,), {"batches": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield handler, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def rule_test(folder: Path, cases: str, url: str) -> str:
    product = folder / "milesight-em300-th"
    product.mkdir()
    (product / "unusual.sql").write_text(RULE)
    (product / "unusual.test.yaml").write_text(cases)
    aws = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "eu-central-1"}
    command = [str(Path(sys.executable).with_name("sluice")), "rule", "test", "--rules", str(folder)]
    environment = os.environ | aws | {"AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": url}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout


def test_the_endpoint_decides(endpoint: tuple[type[Endpoint], str], tmp_path: Path) -> None:
    handler, url = endpoint
    cases = CASES.format(
        readings=READINGS, name="21 degrees are unusual", raised="180 min", cleared="240 min", value=21
    )
    said = rule_test(tmp_path, cases, url)
    assert "1 passed, 0 failed" in said, said
    assert sum(handler.batches) == 26


def test_where_it_does_not_answer_the_local_model_does(tmp_path: Path) -> None:
    cases = CASES.format(
        readings=READINGS, name="60 degrees are unusual", raised="220 min", cleared="280 min", value=60
    )
    said = rule_test(tmp_path, cases, "http://127.0.0.1:9")
    assert "1 passed, 0 failed" in said, said
