"""Every address of the product outside of the admin, from Django's own table of routes."""

import re
from collections.abc import Iterator
from typing import Any

from django.urls import get_resolver

_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")


def patterns() -> list[str]:
    """As OpenAPI writes them: /links/{public_id}."""
    return [_CONVERTER.sub(r"{\1}", f"/{path}") for path in _paths(get_resolver(), "")]


def _paths(resolver: Any, before: str) -> Iterator[str]:
    for found in resolver.url_patterns:
        path = before + str(found.pattern)
        if path.startswith("admin/"):
            continue
        if hasattr(found, "url_patterns"):
            yield from _paths(found, path)
        else:
            yield path
