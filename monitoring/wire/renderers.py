"""JSON as it leaves the house."""

from datetime import datetime
from typing import Any

from rest_framework import renderers
from rest_framework.utils.encoders import JSONEncoder

from monitoring.wire.fields import instant


class WireEncoder(JSONEncoder):
    def default(self, obj: Any) -> Any:
        return instant(obj) if isinstance(obj, datetime) else super().default(obj)


class WireJSONRenderer(renderers.JSONRenderer):
    """Times that no field of ours has formatted have the same form as those that one has."""

    encoder_class = WireEncoder
