"""The one error of this package."""

from typing import Literal

from monitoring.outbound.errors import OutboundCode

Code = (
    OutboundCode
    | Literal[
        "address_invalid",
        "status",
        "too_many_redirects",
        "content_type",
        "content_encoding",
        "circuit_open",
    ]
)


class MetadataError(Exception):
    """Why a target told nothing; `code` is stable. Not where: an address may hold secrets."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code = code
