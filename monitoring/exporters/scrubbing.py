"""What leaves for somebody else's service loses its secrets here, however deep they lie. Imports
no Django."""

from collections.abc import Mapping
from typing import Any

from monitoring.redaction import REDACTED, is_secret_name, redact_text


def scrub(value: Any) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {key: _entry(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrub(item) for item in value]
    return value


def _entry(name: str, value: Any) -> Any:
    is_secret = is_secret_name(name) and value is not None and not isinstance(value, bool)
    return REDACTED if is_secret else scrub(value)
