"""The one error of this package, and the time that everything together may take."""

import time
from typing import Literal

OutboundCode = Literal[
    "address_forbidden",
    "port_forbidden",
    "name_unresolved",
    "unreachable",
    "tls_failed",
    "timeout",
    "bad_response",
]


class OutboundError(Exception):
    """Why nothing was answered; `code` is stable. Not where: an address may hold secrets."""

    def __init__(self, code: OutboundCode) -> None:
        super().__init__(code)
        self.code = code


class Deadline:
    """One for all hops: name look-up, connecting, every single read."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """More than nothing; OutboundError `timeout` once it is over."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise OutboundError("timeout")
        return left
