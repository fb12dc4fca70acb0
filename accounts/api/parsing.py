"""What the views of accounts share: reading a body, and describing refusals."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers

from monitoring.wire.problems import CONTENT_TYPE

SECRET_HEADERS = {"Cache-Control": "no-store"}


def parsed(serializer: "serializers.BaseSerializer[Any]") -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def problem(status: int, description: str) -> dict[tuple[int, str], OpenApiResponse]:
    """An entry of `responses`, for what the schema does not tell by itself."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {(status, CONTENT_TYPE): OpenApiResponse(schema, description=description)}


# The schema tells of 401 by itself only where a caller is needed.
REFUSED = problem(401, "Refused; `code` says why.")
