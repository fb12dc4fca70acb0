"""snake_case in Python, camelCase on the wire."""

import re
from functools import lru_cache
from typing import Any, ClassVar

from django.db import models
from rest_framework import serializers

from monitoring.wire.fields import WireDateTimeField

# Written in capitals when they end a name: `totalXP`, but `xpEarned`.
_ACRONYMS = frozenset({"xp"})


@lru_cache(maxsize=4096)
def camel(name: str) -> str:
    """`short_url` -> `shortUrl`. What is camelCase already stays as it is."""
    first, *rest = name.lstrip("_").split("_")
    words = [word[:1].upper() + word[1:] for word in rest]
    if rest and rest[-1] in _ACRONYMS:
        words[-1] = rest[-1].upper()
    return first + "".join(words)


@lru_cache(maxsize=4096)
def snake(name: str) -> str:
    """`totalXP` -> `total_xp`: the name in Python that has this name on the wire."""
    return re.sub(r"(?<=[a-z0-9])([A-Z]+)", lambda match: f"_{match[0].lower()}", name)


# For serializers, before the base class: fields keep their Python names as their `source`, and
# `validate_short_url` and `get_short_url` are found under those names too. No docstring: the schema
# would publish it as that of every serializer.
class CamelCaseMixin:
    serializer_field_mapping: ClassVar[dict[type, Any]] = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.DateTimeField: WireDateTimeField,
    }

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()  # type: ignore[misc]
        return {self._renamed(name, field): field for name, field in fields.items()}

    def _renamed(self, name: str, field: Any) -> str:
        wire = camel(name)
        if wire == name:
            return name
        if isinstance(field, serializers.SerializerMethodField):
            field.method_name = field.method_name or f"get_{name}"
        elif field.source is None:
            field.source = name
        if validate := getattr(self, f"validate_{name}", None):
            setattr(self, f"validate_{wire}", validate)
        return wire
