"""What comes in over the wire."""

from typing import Any

from rest_framework import serializers

from monitoring.wire.casing import CamelCaseMixin


class StrictInput(CamelCaseMixin, serializers.Serializer[Any]):
    """Refuses members it does not know: a misspelt field must not be silently without effect."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (
            unknown := [name for name in data if name not in self.fields]
        ):
            raise serializers.ValidationError(
                {str(name)[:100]: ["Unknown field."] for name in unknown[:20]}, code="unknown_field"
            )
        return super().to_internal_value(data)
