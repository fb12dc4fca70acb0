"""What links announces after a commit: to the redirect of every process, that a link changed."""

import structlog
from django.db import transaction
from redis.exceptions import RedisError

from links.models import Link
from links.redirect.directory import CACHE_SECONDS, CHANNEL, STORE_UNLESS_OLDER, cache_key
from monitoring.redis import durable

log = structlog.get_logger(__name__)


def announce_after_commit(link: Link) -> None:
    """Have every redirect forget the link once this transaction is committed."""
    address, version = (link.domain, link.slug_key), link.version
    transaction.on_commit(lambda: announce(address, version))


def announce(address: tuple[str, str], version: int) -> None:
    """Mark the shared copy as older than `version` and tell every process. When Redis is away the
    news is lost: `tasks.refresh_redirects` repeats it, and no process remembers for longer than
    its time to live."""
    try:
        pipeline = durable().pipeline(transaction=False)
        pipeline.eval(STORE_UNLESS_OLDER, 1, cache_key(address), version, "", CACHE_SECONDS)
        pipeline.publish(CHANNEL, "/".join(address))
        pipeline.execute()
    except (OSError, RedisError) as error:
        log.warning("link_change_not_announced", error=type(error).__name__)


def withdraw(address: tuple[str, str]) -> None:
    """Forget the address as if it had never been: for a link whose row is gone."""
    try:
        durable().delete(cache_key(address))
        durable().publish(CHANNEL, "/".join(address))
    except (OSError, RedisError) as error:
        log.warning("link_change_not_announced", error=type(error).__name__)
