"""What the views of accounts share: reading a body, and describing refusals."""

from typing import Any

from rest_framework import serializers

from monitoring.wire.schema import problem

SECRET_HEADERS = {"Cache-Control": "no-store"}


def parsed(serializer: "serializers.BaseSerializer[Any]") -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


# The schema tells of 401 by itself only where a caller is needed.
REFUSED = problem(401, "Refused; `code` says why.")
