"""Django's side of kept answers: offering one, and saying that what it spoke of has changed."""

from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import Any, TypeVar, cast

import structlog
from django.db import transaction
from django.http import HttpResponseBase
from redis import RedisError
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.correlation import route_of
from monitoring.redis import evictable
from monitoring.responses.generations import TAG_SECONDS, new_generation, tag_key
from monitoring.responses.kept import OFFER, Offer
from monitoring.wire.policy import is_personal

logger = structlog.get_logger("rallypoint.responses")

STALE_SECONDS = 3_600
_Get = TypeVar("_Get", bound=Callable[..., Response])


def generation(tag: str) -> str | None:
    """Read it before anything else; None while the cache is away, and then nothing is kept."""
    try:
        with evictable().pipeline(transaction=False) as pipeline:
            pipeline.set(tag_key(tag), new_generation(), nx=True, ex=TAG_SECONDS)
            pipeline.get(tag_key(tag))
            found = pipeline.execute()[-1]
    except RedisError:
        return None
    return found.decode() if isinstance(found, bytes) else None


def keep(
    response: HttpResponseBase,
    *,
    tag: str,
    generation: str | None,
    seconds: int,
    route: str,
    stale: int = STALE_SECONDS,
) -> None:
    """Offer the answer: for `seconds`, or until the tag's generation is another; and for `stale`
    more while nothing newer can be had."""
    if generation is not None:
        response[OFFER] = str(Offer(seconds, stale, generation.encode(), tag, route))


def kept(*, tag: str, seconds: int, stale: int = STALE_SECONDS) -> Callable[[_Get], _Get]:
    """For a view's `get` whose answer is the same for everybody and speaks of `tag`."""

    def decorate(get: _Get) -> _Get:
        @wraps(get)
        def answered(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
            # Theirs are never kept: for them the question would be for nothing.
            before = None if is_personal(request) else generation(tag)
            response: Response = get(self, request, *args, **kwargs)
            route = route_of(request)
            keep(response, tag=tag, generation=before, seconds=seconds, stale=stale, route=route)
            return response

        return cast("_Get", answered)

    return decorate


def forget_after_commit(*tags: str) -> None:
    """A change that is rolled back forgets nothing."""
    transaction.on_commit(partial(_raise_generations, tags))


def _raise_generations(tags: Iterable[str]) -> None:
    try:
        with evictable().pipeline(transaction=False) as pipeline:
            for tag in tags:
                pipeline.set(tag_key(tag), new_generation(), ex=TAG_SECONDS)
            pipeline.execute()
    except RedisError as error:
        # Nobody reads from it now either; what it still holds when it is back ends by its time.
        logger.warning("response_cache_away", error=str(error)[:300])
