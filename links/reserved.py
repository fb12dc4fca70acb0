"""Which slugs are taken by pages: the first path segment of every route, and words kept back."""

from collections.abc import Iterator
from functools import cache

from django.urls import URLPattern, URLResolver, get_resolver

from links.slugs import RESERVED, slug_key


@cache
def reserved_keys() -> frozenset[str]:
    """Slug keys that no link may have. Read from the routes themselves, so none is forgotten."""
    segments = {route.partition("/")[0] for route in _routes(get_resolver(), "")}
    return RESERVED | {slug_key(segment) for segment in segments if segment and "<" not in segment}


def _routes(resolver: URLResolver, prefix: str) -> Iterator[str]:
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        # Once the first segment is whole, what is below it cannot change it.
        if isinstance(entry, URLPattern) or "/" in route:
            yield route
        else:
            yield from _routes(entry, route)
