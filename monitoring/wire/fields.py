"""Fields whose form on the wire is ours."""

from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers


def instant(value: datetime) -> str:
    """`2031-01-02T03:04:05.678Z`: UTC with milliseconds. A naive value is taken as UTC."""
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return f"{aware.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


class WireDateTimeField(serializers.DateTimeField):
    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("default_timezone", UTC)
        super().__init__(**kwargs)

    def to_representation(self, value: Any) -> str:
        return instant(value) if isinstance(value, datetime) else str(value)
