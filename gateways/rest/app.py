"""The endpoints: who sends, how fast, what is in the body; then all of it is sent, and answered when it is durable."""

import time
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import unquote

import msgspec
from litestar import Litestar, Request, get, post
from litestar.types import ASGIApp, Receive, Scope, Send
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from structlog.contextvars import bind_contextvars

from gateways.errors import Unavailable
from gateways.intake import Intake
from gateways.metrics import Metrics
from gateways.rest.auth import Auth
from gateways.rest.bodies import Bodies
from gateways.rest.config import RestConfig
from gateways.rest.messages import PROTOCOL, Messages, Outcome, read_stated
from gateways.rest.openapi import document
from gateways.rest.payloads import read_payloads
from gateways.rest.problems import ProblemError, respond

JSON: Final = "application/json"

AnyRequest = Request[Any, Any, Any]


class Answer(msgspec.Struct, frozen=True):
    """One outcome for each payload, in their order."""

    messages: list[Outcome]


class Status(msgspec.Struct, frozen=True):
    """That it is so."""

    status: str


def build_app(
    config: RestConfig,
    auth: Auth,
    bodies: Bodies,
    messages: Messages,
    intake: Intake,
    metrics: Metrics,
    products: Iterable[str],
) -> ASGIApp:
    """The ASGI application."""

    @post("/v1/devices/{device:str}/messages", status_code=202)
    async def post_messages(request: AnyRequest, device: str) -> Answer:
        device = unquote(device)
        bind_contextvars(protocol=PROTOCOL, device=device, connection=_connection(request))
        sender = auth.sender(request.headers)
        bind_contextvars(sender=sender.name)
        await sender.take()
        sender.check_device(device)
        _check_headers(request)
        media_type, parameters = request.content_type
        # The framework would lose the bounds that these types have.
        stated = read_stated(dict(request.query_params), request.headers.get("idempotency-key"))
        async with bodies.read(request) as body:
            payloads = read_payloads(media_type, parameters.get("charset", "utf-8"), body, config.max_items)
            prepared = messages.prepare(sender, device, payloads, stated, time.time_ns() // 1_000_000)
            return Answer(await messages.take(prepared))

    @get("/health", sync_to_thread=False)
    def get_health() -> Status:
        return Status("alive")

    @get("/ready", sync_to_thread=False)
    def get_ready() -> Status:
        if not intake.has_room:
            raise Unavailable("neither Kinesis nor the spool takes more just now")
        return Status("ready")

    @get("/metrics", media_type=CONTENT_TYPE_LATEST.removesuffix("; charset=utf-8"), sync_to_thread=False)
    def get_metrics(request: AnyRequest) -> bytes:
        auth.sender(request.headers)
        return generate_latest(metrics.registry)

    described = msgspec.json.encode(document(config, products))

    @get("/openapi.json", media_type=JSON, sync_to_thread=False)
    def get_openapi() -> bytes:
        return described

    app = Litestar(
        [post_messages, get_health, get_ready, get_metrics, get_openapi],
        exception_handlers={Exception: respond},
        request_max_body_size=config.max_body_kib << 10,
        openapi_config=None,
        logging_config=None,
    )
    return _by_raw_path(app)


def _by_raw_path(app: ASGIApp) -> ASGIApp:
    """A device's id may hold a slash, as %2F: routes are found by the path as it was sent."""

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        scope["path"] = scope["raw_path"].decode("ascii")
        await app(scope, receive, send)

    return routed


def _check_headers(request: AnyRequest) -> None:
    """Raises ProblemError 406 or 415."""
    if not request.accept.accepts(JSON):
        raise ProblemError(406, "not_acceptable", f"answers are {JSON}, which Accept does not take")
    coding = request.headers.get("content-encoding", "identity").lower()
    if coding != "identity":
        detail = f"a body in {coding} is not unpacked: send it plain"
        raise ProblemError(415, "unknown_encoding", detail, headers={"Accept-Encoding": "identity"})


def _connection(request: AnyRequest) -> str:
    client = request.client
    return f"{client.host}:{client.port}" if client else "?"
