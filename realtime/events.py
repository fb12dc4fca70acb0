"""What happens in rooms outside of the socket, told after the commit to the processes where people
listen. While Redis is away nobody is told: messages are noticed by their numbers all the same."""

from functools import partial
from typing import Any

import structlog
from django.db import transaction
from redis.exceptions import RedisError

from monitoring.redis import durable
from realtime.news import CHANNEL, EVERYBODY, News
from realtime.news import encode as encode_news
from realtime.socket.frames import encode

log = structlog.get_logger("rallypoint.rooms")

_NOBODY = ""


def announce_message_after_commit(room_id: int, seq: int) -> None:
    """Whoever lacks this number reads it."""
    _after_commit(room_id, News(_NOBODY, seq, []))


def announce_change_after_commit(room_id: int, event: str, data: dict[str, Any]) -> None:
    _after_commit(room_id, News(_NOBODY, None, [encode(event, data).data]))


def announce_removal_after_commit(room_id: int, user_id: int, reason: str) -> None:
    """She is not in this room any more, on none of her devices; `reason` like "kicked"."""
    _after_commit(room_id, News(_NOBODY, None, [], user_id, reason))


def announce_closing_after_commit(room_id: int) -> None:
    """Nobody is in this room any more."""
    _after_commit(room_id, News(_NOBODY, None, [], EVERYBODY, "closed"))


def _after_commit(room_id: int, news: News) -> None:
    transaction.on_commit(partial(_publish, room_id, news))


def _publish(room_id: int, news: News) -> None:
    try:
        durable().publish(f"{CHANNEL}{room_id}", encode_news(news))
    except RedisError as error:
        log.warning("room_not_told", room=room_id, error=type(error).__name__)
