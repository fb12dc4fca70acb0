"""What accounts announce after a commit, to those who keep copies; others who add to what the world
sees of a person announce it here too."""

from functools import partial
from typing import Any

import structlog
from django.db import transaction
from redis.exceptions import RedisError

from monitoring.redis import durable
from monitoring.responses import tags

logger = structlog.get_logger("rallypoint.accounts")

# Ids of people, some of whose sign-ins have ended.
SIGN_INS = "rallypoint:sign-ins"
# The tag of what shows many people at once, such as a leaderboard.
PEOPLE = "people"


def person_tag(user_id: int) -> str:
    return f"person:{user_id}"


def announce_people_after_commit(*user_ids: int) -> None:
    """What everybody may see of these people has changed."""
    tags.forget_after_commit(PEOPLE, *map(person_tag, user_ids))


def announce_sign_ins_after_commit(*user_ids: int) -> None:
    """Sign-ins of these people have ended, or may have: who keeps a connection of theirs looks."""
    transaction.on_commit(partial(_publish, user_ids))


def after_saving_a_user(*, instance: Any, created: bool, update_fields: Any, **_: Any) -> None:
    """A new password or the end of an account ends sign-ins, wherever it was written."""
    if not created and update_fields != frozenset({"last_login"}):
        announce_sign_ins_after_commit(instance.pk)


def _publish(user_ids: tuple[int, ...]) -> None:
    try:
        for user_id in user_ids:
            durable().publish(SIGN_INS, user_id)
    except RedisError as error:
        # Who listens looks at everybody when Redis is back.
        logger.warning("sign_ins_not_announced", error=type(error).__name__)
