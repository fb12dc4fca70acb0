"""Typed readers of the environment: the only place where a setting's text becomes a value.

A secret may come from a file instead (`SECRET_KEY_FILE=/run/secrets/key`), as container
platforms hand them over; the variable itself wins when both are there.
"""

import json
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

# As django-ratelimit reads it: so many in so many seconds, minutes, hours or days.
_RATE = re.compile(r"[1-9][0-9]{0,8}/(?:[1-9][0-9]{0,6})?[smhd]")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default).strip()


def secret(name: str, default: str = "") -> str:
    """The value of `name`, or the content of the file that `name`_FILE points to."""
    if value := text(name):
        return value
    if path := text(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error}") from error
    return default


def flag(name: str, *, default: bool) -> bool:
    value = text(name, str(default)).lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")


def integer(name: str, default: int, *, at_least: int = 0) -> int:
    value = text(name) or str(default)
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None
    if number < at_least:
        raise ImproperlyConfigured(f"{name} must be at least {at_least}, not {number}.")
    return number


def items(name: str, default: str = "") -> list[str]:
    """A comma-separated list; blanks are dropped."""
    return [item.strip() for item in text(name, default).split(",") if item.strip()]


def urls(name: str) -> list[str]:
    """Addresses with commas between them, or in a file, for there are passwords in them."""
    return [item.strip() for item in secret(name).split(",") if item.strip()]


def integers(name: str, default: str) -> list[int]:
    """A comma-separated list of numbers from 1 up."""
    values = items(name) or default.split(",")
    if not all(_is_positive(value) for value in values):
        raise ImproperlyConfigured(f"{name} must be whole numbers with commas between them.")
    return [int(value) for value in values]


def endpoints(name: str) -> dict[int, str]:
    """A JSON object of http addresses by number: {"1": "https://rpc.example.org"}. A secret, for
    such an address often ends in a key; so no message repeats it."""
    value = secret(name)
    try:
        found = json.loads(value) if value else {}
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(_is_endpoint(*item) for item in found.items()):
        raise ImproperlyConfigured(f"{name} must be a JSON object of http addresses by number.")
    return {int(number): url for number, url in found.items()}


def rates(name: str, tiers: dict[str, str]) -> dict[str, str]:
    """`tiers` as a JSON object overrides them: {"nonce": "10/m"}. "off" is no tier at all."""
    value = text(name)
    if value == "off":
        return {}
    try:
        given = json.loads(value or "{}")
    except ValueError:
        given = None
    if not isinstance(given, dict) or not all(_RATE.fullmatch(str(r)) for r in given.values()):
        raise ImproperlyConfigured(
            f'{name} must be off, or a JSON object such as {{"nonce": "9/m"}}.'
        )
    if unknown := sorted(given.keys() - tiers.keys()):
        raise ImproperlyConfigured(f"{name}: {unknown[0]!r} is none of {', '.join(tiers)}.")
    return tiers | given


def _is_endpoint(number: str, url: object) -> bool:
    if not (_is_positive(number) and isinstance(url, str)):
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError when it is none
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _is_positive(number: str) -> bool:
    return number.isascii() and number.isdigit() and len(number) < 19 and int(number) > 0


def choice(name: str, default: str, allowed: set[str]) -> str:
    value = text(name) or default
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(sorted(allowed))}.")
    return value
