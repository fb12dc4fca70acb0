"""Who wrote a moment ago, known to all processes: she is to find what she wrote, and a replica may
not have it yet. Costs nothing where there are no replicas."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from redis.exceptions import RedisError

from monitoring.redis import durable

# Beside the greatest lag: how long a look at a replica is good for, and an answer on its way.
_MORE_SECONDS = 2
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def note_write(by: object) -> None:
    """From now on, until every replica that is read must have it, `by` reads from the primary."""
    if not settings.DATABASE_REPLICAS:
        return
    seconds = settings.DATABASE_REPLICA_MAX_LAG + _MORE_SECONDS
    try:
        durable().set(_key(by), 1, px=round(seconds * 1000))
    except RedisError:
        return  # then nobody can tell who wrote, and all read from the primary


def wrote_lately(by: object) -> bool:
    """Yes, too, when nobody can tell."""
    try:
        return bool(durable().exists(_key(by)))
    except RedisError:
        return True


def _key(by: object) -> str:
    return f"rallypoint:wrote:{by}"


class WriterMiddleware:
    """Notes who sent a request that may write; DRF names its callers to Django's request, too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if settings.DATABASE_REPLICAS and request.method not in _SAFE:
            user = getattr(request, "user", None)
            if user is not None and user.is_authenticated:
                note_write(user.pk)
        return response
