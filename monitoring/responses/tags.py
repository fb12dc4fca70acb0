"""Django's side of kept answers: offering one, and saying that what it spoke of has changed."""

import secrets
from collections.abc import Iterable
from functools import partial

import structlog
from django.db import transaction
from django.http import HttpResponseBase
from redis import RedisError

from monitoring.redis import evictable
from monitoring.responses.cache import OFFER, PREFIX

logger = structlog.get_logger("rallypoint.responses")

# Longer than any answer is kept.
_TAG_SECONDS = 3_600


def generation(tag: str) -> int | None:
    """Read it before anything else; None while the cache is away, and then nothing is kept."""
    try:
        found = evictable().get(f"{PREFIX}tag:{tag}")
    except RedisError:
        return None
    return int(found) if isinstance(found, bytes) else 0


def keep(
    response: HttpResponseBase, *, tag: str, generation: int | None, seconds: int, route: str
) -> None:
    """Offer the answer: for `seconds`, or until the tag's generation is another."""
    if generation is not None:
        response[OFFER] = f"{seconds} {generation} {tag} {route}"


def forget_after_commit(*tags: str) -> None:
    """A change that is rolled back forgets nothing."""
    transaction.on_commit(partial(_raise_generations, tags))


def _raise_generations(tags: Iterable[str]) -> None:
    try:
        with evictable().pipeline(transaction=False) as pipeline:
            for tag in tags:
                pipeline.set(f"{PREFIX}tag:{tag}", secrets.randbits(62), ex=_TAG_SECONDS)
            pipeline.execute()
    except RedisError as error:
        # Nobody reads from it now either; what it still holds when it is back ends by its time.
        logger.warning("response_cache_away", error=str(error)[:300])
