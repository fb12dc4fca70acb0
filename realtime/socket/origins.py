"""Whose page may open a socket with a person's token."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings


def is_our_origin(scope: Mapping[str, Any]) -> bool:
    """Programs send no Origin; a browser says whose page it is that asks."""
    found = [value for name, value in scope["headers"] if name == b"origin"]
    if not found:
        return True
    ours = {_origin(allowed) for allowed in (settings.PUBLIC_URL, *settings.CORS_ALLOWED_ORIGINS)}
    return len(found) == 1 and found[0].decode("latin-1").rstrip("/").lower() in ours


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
