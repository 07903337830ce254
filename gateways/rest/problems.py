"""What the gateway does not do, told as RFC 9457 says: a problem+json with a reason that programs can go by."""

from http import HTTPStatus
from math import ceil
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from gateways.errors import Reason, Refused, Unavailable
from udfs.errors import SluiceError

MEDIA_TYPE: Final = "application/problem+json"
MAX_FAULTS: Final = 20

STATUS_OF_REFUSAL: Final[dict[Reason, int]] = {
    "bad_device": 422,
    "unknown_device": 404,
    "unknown_product": 422,
    "bad_payload": 422,
    "too_large": 413,
    "rate_limited": 429,
}

_BY_FRAMEWORK: Final = {
    404: ("no_such_resource", "there is no such resource: /openapi.json describes those that there are"),
    405: ("method_not_allowed", "the resource does not know this method: Allow names those that it knows"),
}

_log = structlog.get_logger(__name__)


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with one payload of a batch; `index` counts from 0."""

    index: int
    reason: str
    detail: str


class Problem(msgspec.Struct, frozen=True):
    """The body. `type` is about:blank, which RFC 9457 reads as: the status says it; `reason` says it more closely."""

    type: str
    status: int
    title: str
    detail: str
    reason: str
    faults: tuple[Fault, ...] | msgspec.UnsetType


class ProblemError(SluiceError):
    """A request that ends with this status; `faults` are those of a batch's payloads."""

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        faults: tuple[Fault, ...] = (),
    ) -> None:
        self.status, self.reason, self.detail = status, reason, detail
        self.headers, self.faults = headers or {}, faults
        super().__init__(detail)

    @property
    def title(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase

    def body(self) -> bytes:
        """The problem as JSON."""
        faults = self.faults[:MAX_FAULTS] or msgspec.UNSET
        return msgspec.json.encode(Problem("about:blank", self.status, self.title, self.detail, self.reason, faults))


def unavailable(detail: str, retry_after: float, reason: str = "unavailable") -> ProblemError:
    """503: the sender still has it, and may come again after so many seconds."""
    return ProblemError(503, reason, detail, headers={"Retry-After": str(max(1, ceil(retry_after)))})


def respond(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The answer to a request that ended by an error, whoever raised it."""
    problem = problem_of(error)
    if problem.status == 500:
        _log.error("a fault of the gateway itself", path=request.scope["path"], exc_info=error)
    else:
        _log.info("refused", status=problem.status, reason=problem.reason, detail=problem.detail)
    return Response(problem.body(), status_code=problem.status, media_type=MEDIA_TYPE, headers=problem.headers)


def problem_of(error: Exception) -> ProblemError:
    """What the sender is told of an error; 500 where nobody raised it on purpose."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, Refused):
        return ProblemError(STATUS_OF_REFUSAL[error.reason], error.reason, error.message)
    if isinstance(error, Unavailable):
        return unavailable(error.message, error.retry_after)
    if isinstance(error, HTTPException) and error.status_code < 500:
        reason, detail = _BY_FRAMEWORK.get(error.status_code, ("bad_request", error.detail))
        return ProblemError(error.status_code, reason, detail, headers=dict(error.headers or {}))
    return ProblemError(500, "internal_error", "a fault of the gateway itself: its log has the particulars")
