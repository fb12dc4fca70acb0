"""The one error of this package, and the time that everything together may take."""

import time
from typing import Literal

Code = Literal[
    "address_invalid",
    "address_forbidden",
    "port_forbidden",
    "name_unresolved",
    "unreachable",
    "tls_failed",
    "timeout",
    "bad_response",
    "status",
    "too_many_redirects",
    "content_type",
    "content_encoding",
]


class MetadataError(Exception):
    """Why a target told nothing; `code` is stable. Not where: an address may hold secrets."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code = code


class Deadline:
    """One for all hops: name look-up, connecting, every single read."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """More than nothing; MetadataError `timeout` once it is over."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise MetadataError("timeout")
        return left
