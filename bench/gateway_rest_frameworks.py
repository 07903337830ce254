"""FastAPI beside Litestar, requests a second in the shape of the gateway's endpoint:

    uv pip install fastapi litestar httptools && taskset -c 1 python bench/gateway_rest_frameworks.py

A path parameter, a header to check, a JSON body of 51 bytes read by msgspec, 202 with an id. The server is one uvicorn
on uvloop on core 0, the load 32 kept-alive connections from core 1, each sending when its answer has come. Rates are
answers a second of the server's own CPU time, so that whoever else works on the machine does not count.
"""

import asyncio
import statistics
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any, cast

import msgspec
import psutil
import uvicorn
import uvloop

CONNECTIONS = 32
SECONDS = 2.5
ROUNDS = 3
PORT = 18_181
BODY = b'{"data":[{"wind":{"speed":4.2,"direction":225.0}}]}'
REQUEST = (
    b"POST /v1/devices/wind-0042/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: fleet.secret\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


class Wind(msgspec.Struct):
    speed: float
    direction: float


class Reading(msgspec.Struct):
    wind: Wind


class Payload(msgspec.Struct):
    data: list[Reading]


class Accepted(msgspec.Struct):
    message_ids: list[str]


def fastapi_app() -> Any:
    """The body by hand, since FastAPI itself reads by pydantic only."""
    from fastapi import FastAPI, Header, HTTPException, Request, Response

    app, decoder = FastAPI(), msgspec.json.Decoder(Payload)

    @app.post("/v1/devices/{device}/messages", status_code=202)
    async def send(device: str, request: Request, x_api_key: Annotated[str, Header()]) -> Response:
        if x_api_key != "fleet.secret":
            raise HTTPException(401)
        decoder.decode(await request.body())
        return Response(msgspec.json.encode(Accepted([device])), 202, media_type="application/json")

    return app


def fastapi_pydantic_app() -> Any:
    """As FastAPI is meant to be used."""
    from fastapi import FastAPI, Header, HTTPException
    from pydantic import create_model

    app = FastAPI()
    wind = create_model("Wind", speed=float, direction=float)
    reading = create_model("Reading", wind=wind)
    payload = create_model("Payload", data=list[reading])  # type: ignore[valid-type]
    accepted = create_model("Accepted", message_ids=list[str])

    @app.post("/v1/devices/{device}/messages", status_code=202, response_model=accepted)
    async def send(device: str, body: payload, x_api_key: Annotated[str, Header()]) -> Any:  # type: ignore[valid-type]
        if x_api_key != "fleet.secret":
            raise HTTPException(401)
        return accepted(message_ids=[device])

    return app


def litestar_app() -> Any:
    """The body by Litestar, which reads structs of msgspec."""
    from litestar import Litestar, post
    from litestar.exceptions import NotAuthorizedException
    from litestar.params import Parameter

    @post("/v1/devices/{device:str}/messages", status_code=202)
    async def send(device: str, data: Payload, api_key: Annotated[str, Parameter(header="X-API-Key")]) -> Accepted:
        if api_key != "fleet.secret":
            raise NotAuthorizedException
        return Accepted([device])

    return Litestar([send])


def litestar_raw_app() -> Any:
    """The body by hand, as a stream that can be cut off: what the gateway does."""
    from litestar import Litestar, Request, post
    from litestar.exceptions import NotAuthorizedException
    from litestar.params import Parameter

    decoder = msgspec.json.Decoder(Payload)

    @post("/v1/devices/{device:str}/messages", status_code=202)
    async def send(
        device: str, request: Request[Any, Any, Any], api_key: Annotated[str, Parameter(header="X-API-Key")]
    ) -> Accepted:
        if api_key != "fleet.secret":
            raise NotAuthorizedException
        decoder.decode(b"".join([chunk async for chunk in request.stream()]))
        return Accepted([device])

    return Litestar([send])


APPS: dict[str, Callable[[], Any]] = {
    "FastAPI, msgspec by hand": fastapi_app,
    "FastAPI, pydantic": fastapi_pydantic_app,
    "Litestar, msgspec struct": litestar_app,
    "Litestar, body as a stream": litestar_raw_app,
}


class Sender(asyncio.Protocol):
    """One connection in a closed loop; `answers` counts whole answers, since the server sends each in one go or two."""

    def __init__(self) -> None:
        self.answers, self.buffer = 0, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.buffer.endswith(b"]}"):
            if not self.buffer.startswith(b"HTTP/1.1 202"):
                raise RuntimeError(self.buffer.decode())
            self.answers, self.buffer = self.answers + 1, b""
            self.transport.write(REQUEST)


async def load(seconds: float, server: psutil.Process) -> float:
    """Answers for a second of the server's CPU."""
    loop = asyncio.get_running_loop()
    begin = cpu_seconds(server)
    senders = [(await loop.create_connection(Sender, "127.0.0.1", PORT))[1] for _ in range(CONNECTIONS)]
    await asyncio.sleep(seconds)
    answers, elapsed = sum(sender.answers for sender in senders), cpu_seconds(server) - begin
    for sender in senders:
        sender.transport.abort()
    return answers / elapsed


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def measure(app: str, http: str) -> float:
    command = ["taskset", "-c", "0", sys.executable, __file__, "serve", app, http]
    server = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            await asyncio.sleep(0.1)
            try:
                (await asyncio.open_connection("127.0.0.1", PORT))[1].close()
                break
            except OSError:
                continue
        await load(0.5, psutil.Process(server.pid))
        return await load(SECONDS, psutil.Process(server.pid))
    finally:
        server.terminate()
        await server.wait()


async def main() -> None:
    print(", ".join(f"{name} {version(name)}" for name in ("fastapi", "litestar", "uvicorn", "h11", "httptools")))
    rates: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for app in APPS:
            for http in ("h11", "httptools"):
                rates.setdefault((app, http), []).append(await measure(app, http))
    for (app, http), found in rates.items():
        print(f"{app:28} {http:10} {statistics.median(found):8,.0f} {max(found):8,.0f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        server = uvicorn.Server(uvicorn.Config(APPS[sys.argv[2]](), port=PORT, http=sys.argv[3], access_log=False))
        uvloop.run(server.serve())
    else:
        uvloop.run(main())
