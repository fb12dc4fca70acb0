"""What links announces after a commit: to the redirect of every process, that a link changed; to
whoever listens in this process, that personal clicks were recorded."""

from collections.abc import Sequence
from functools import partial

import structlog
from django.db import transaction
from django.dispatch import Signal
from redis.exceptions import RedisError

from links.models import Link, MarkedClick
from links.redirect.directory import CACHE_SECONDS, CHANNEL, STORE_UNLESS_OLDER, cache_key
from monitoring.redis import durable

log = structlog.get_logger(__name__)

# Personal clicks that count (MarkedClick, outcome "counted"), each told of once, after the commit
# that stored it: `sender` is MarkedClick, `ids` a list of 1 to MOST_TOLD ids of clicks, as hex.
# Receivers run in the drain, one after the other, and hold it up: they only enqueue. What one
# raises is logged and harms nobody. A process that is killed between the commit and the telling
# tells nobody: whoever must not miss a click also looks for herself, now and then.
clicks_recorded = Signal()
MOST_TOLD = 500


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


def announce_clicks_after_commit(ids: Sequence[str]) -> None:
    """Send `clicks_recorded` once this transaction is committed; nothing when there are none."""
    for start in range(0, len(ids), MOST_TOLD):
        chunk = list(ids[start : start + MOST_TOLD])
        # `send_robust` logs what a receiver raises.
        telling = partial(clicks_recorded.send_robust, sender=MarkedClick, ids=chunk)
        transaction.on_commit(telling, robust=True)


def withdraw(address: tuple[str, str]) -> None:
    """Forget the address as if it had never been: for a link whose row is gone."""
    try:
        durable().delete(cache_key(address))
        durable().publish(CHANNEL, "/".join(address))
    except (OSError, RedisError) as error:
        log.warning("link_change_not_announced", error=type(error).__name__)
