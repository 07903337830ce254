"""A sender that has proved who it is: what it may send, and how fast."""

from fnmatch import fnmatchcase
from math import ceil

from gateways.rates import Rates
from gateways.rest.problems import ProblemError

ALL = ("*",)


class Sender:
    """`products` and `devices` are patterns of what it may send; `rates` counts it by its name, None: without limit."""

    def __init__(
        self,
        name: str,
        products: tuple[str, ...] = ALL,
        devices: tuple[str, ...] = ALL,
        rates: Rates | None = None,
        retry_after: float = 1.0,
    ) -> None:
        self.name = name
        self._products, self._devices, self._rates, self._retry_after = products, devices, rates, retry_after

    async def take(self) -> None:
        """Counts a request; raises ProblemError 429."""
        if self._rates is not None and not await self._rates.take(self.name):
            headers = {"Retry-After": str(max(1, ceil(self._retry_after)))}
            detail = f"`{self.name}` sends requests too fast: wait, or put more payloads into one"
            raise ProblemError(429, "rate_limited", detail, headers=headers)

    def check_device(self, device: str) -> None:
        """Raises ProblemError 403."""
        if not any(fnmatchcase(device, pattern) for pattern in self._devices):
            raise ProblemError(403, "not_your_device", f"`{self.name}` may not send for the device `{device}`")

    def check_product(self, product: str) -> None:
        """Raises ProblemError 403."""
        if not any(fnmatchcase(product, pattern) for pattern in self._products):
            raise ProblemError(403, "not_your_product", f"`{self.name}` may not send the product `{product}`")
