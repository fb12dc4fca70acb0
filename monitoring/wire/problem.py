"""One shape for everything that goes wrong: RFC 9457 `application/problem+json`."""

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework.exceptions import APIException

from monitoring.wire.rfc9457 import CONTENT_TYPE, members

__all__ = ["CONTENT_TYPE", "FieldError", "Problem"]

FieldError = Mapping[str, str]


class Problem(APIException):
    """Raised anywhere below a view, it becomes the answer.

    `raise Problem("slug_taken", "Somebody has this slug already.", status=409)`; further keywords
    become members of the body as they are named (`firstResult=...`). A subclass may fix
    `default_code`, `default_detail` and `status_code` and be raised bare.
    """

    status_code: int = 400
    default_code: str = "bad_request"
    default_detail: str = ""

    def __init__(
        self,
        code: str = "",
        detail: str = "",
        *,
        status: int | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail or self.default_detail, code or self.default_code)
        self.code = code or self.default_code
        self.status_code = status or self.status_code
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.extra = extra

    def body(self, path: str) -> dict[str, Any]:
        fixed = members(
            code=self.code, status=self.status_code, detail=str(self.detail), instance=path
        )
        content = fixed | self.extra
        return content | {"errors": self.errors} if self.errors else content
