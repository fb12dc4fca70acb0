"""What people who are connected are told of quests, after the commit. Nothing of it is stored: a
page that was not there reads it."""

import time
from collections.abc import Sequence
from functools import partial
from threading import Lock, Timer
from typing import Any

from django.db import transaction

from accounts.models import User
from quests.completions import quota
from quests.definitions import QuestDefinition
from quests.levels import level_of
from quests.requirements.judging import Verdict
from realtime import doors

# However many people earn something: this often at most, each process says so.
LEADERBOARD_EVERY = 1.0


def announce_completion_after_commit(
    player: User, quest: QuestDefinition, *, xp: int, total_xp: int, is_held: bool
) -> None:
    transaction.on_commit(
        partial(_tell_completion, str(player.public_id), quest, xp, total_xp, is_held=is_held),
        robust=True,  # what is committed must not fail because nobody could be told
    )


def announce_progress_after_commit(
    player: User, quest: QuestDefinition, found: Sequence[Verdict]
) -> None:
    """How far she is at each step."""
    steps = [
        {
            "questNumber": quest.number,
            "title": quest.title,
            "stepId": verdict.step.key,
            "stepTitle": verdict.step.title,
            "seen": verdict.judgement.seen,
            "needed": verdict.judgement.needed,
        }
        for verdict in found
        if verdict.judgement.seen
    ]
    user = str(player.public_id)
    for step in steps:
        transaction.on_commit(
            partial(doors.post_to_user, user, "quest:progress", step), robust=True
        )


def announce_xp_after_commit(player_id: int) -> None:
    """A correction: what pages show of her is not right any more."""
    transaction.on_commit(partial(_tell_xp, player_id), robust=True)


def _tell_completion(
    user: str, quest: QuestDefinition, xp: int, total_xp: int, *, is_held: bool
) -> None:
    level = level_of(total_xp)
    completed = {
        "questNumber": quest.number,
        "title": quest.title,
        "xpEarned": xp,
        "held": is_held,
        "totalXP": total_xp,
        "level": level,
    }
    doors.post_to_user(user, "quest:completed", completed)
    if xp and level > level_of(total_xp - xp):
        doors.post_to_user(user, "level:up", {"level": level})
    if quest.quota and quest.announce_room:
        _tell_places(quest)
    if xp:
        _leaderboard.tell()


def _tell_xp(player_id: int) -> None:
    player = User.objects.get(pk=player_id)
    doors.post_to_user(str(player.public_id), "xp:changed", {})
    _leaderboard.tell()


def _tell_places(quest: QuestDefinition) -> None:
    """Counted after the commit, so it may be less than what this completion left; never more."""
    places: dict[str, Any] = {
        "questNumber": quest.number,
        "title": quest.title,
        "left": quota.places_left(quest.id),
        "total": quest.quota,
        "room": quest.announce_room,
    }
    doors.post_to_room(quest.announce_room, "quest:drop", places)


class _Leaderboard:
    """Says at once that it has changed, and then once for all changes of the next second."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._told_at = -LEADERBOARD_EVERY
        self._is_due = False

    def tell(self) -> None:
        with self._lock:
            if self._is_due:
                return
            wait = self._told_at + LEADERBOARD_EVERY - time.monotonic()
            self._is_due = wait > 0
            if not self._is_due:
                self._told_at = time.monotonic()
        if wait > 0:
            timer = Timer(wait, self._tell_now)
            timer.daemon = True
            timer.start()
        else:
            self._tell_now()

    def _tell_now(self) -> None:
        with self._lock:
            self._told_at, self._is_due = time.monotonic(), False
        doors.post_broadcast("leaderboard:changed", {})


_leaderboard = _Leaderboard()
