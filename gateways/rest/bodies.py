"""The bodies of requests: read in bounded time, all of them together in bounded memory.

How large one may be Litestar checks (`request_max_body_size`), by its Content-Length and while it comes.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from litestar import Request
from litestar.exceptions import InternalServerException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from gateways.rest.config import RestConfig
from gateways.rest.problems import ProblemError, unavailable

_BUSY_SECONDS: Final = 1.0


class Bodies:
    """Reads bodies, and knows how much it holds."""

    def __init__(self, config: RestConfig) -> None:
        self._room, self._seconds, self._max_body_kib = config.bodies_mib << 20, config.body_s, config.max_body_kib

    @asynccontextmanager
    async def read(self, request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
        """The whole body, of which room is kept until the context ends.

        Raises ProblemError: 413 where it is too large, 408 too slow, 503 where others take all room.
        """
        body = bytearray()
        try:
            await self._fill(body, request)
            yield bytes(body)
        finally:
            self._room += len(body)

    async def _fill(self, body: bytearray, request: Request[Any, Any, Any]) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                async for chunk in request.stream():
                    body += chunk
                    self._room -= len(chunk)
                    if self._room < 0:
                        raise unavailable("too many bodies are being read at once", _BUSY_SECONDS, "busy")
        except TimeoutError as error:
            detail = f"the body was not there after {self._seconds:g} s"
            # What is left of the body would stand where the next request is expected.
            raise ProblemError(408, "slow_body", detail, headers={"Connection": "close"}) from error
        except RequestEntityTooLarge as error:
            detail = f"a body of more than {self._max_body_kib} KiB is not taken: send the payloads in several requests"
            raise ProblemError(413, "too_large", detail) from error
        except InternalServerException as error:
            raise ProblemError(400, "no_body", "the connection was lost before the body was there") from error
