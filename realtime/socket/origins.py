"""Whose page may open a socket with a person's token."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host


def is_our_origin(scope: Mapping[str, Any]) -> bool:
    """Programs send no Origin; a browser says whose page it is that asks."""
    found = [value for name, value in scope["headers"] if name == b"origin"]
    if not found:
        return True
    if len(found) != 1:
        return False
    origin = found[0].decode("latin-1").rstrip("/").lower()
    ours = {_origin(allowed) for allowed in (settings.PUBLIC_URL, *settings.CORS_ALLOWED_ORIGINS)}
    return origin in ours or _is_of_this_host(origin, scope)


def _is_of_this_host(origin: str, scope: Mapping[str, Any]) -> bool:
    """A page of ours under another of our names, such as localhost."""
    hosts = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
    name, _ = split_domain_port(hosts[0]) if len(hosts) == 1 else ("", "")
    is_ours = bool(name) and validate_host(name, settings.ALLOWED_HOSTS)
    return is_ours and origin in {f"http://{hosts[0]}", f"https://{hosts[0]}"}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
