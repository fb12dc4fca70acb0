"""Whether somebody is there who can read: a word, shown to one player alone in the room."""

import secrets
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from monitoring.wire.fields import instant
from monitoring.wire.problems import Problem
from quests.models import Attempt, Challenge
from quests.requirements.base import Place
from realtime import doors

ANSWERED_WITHIN = timedelta(seconds=90)


def ask_if_due(place: Place, *, every: timedelta) -> None:
    """The attempt's row is locked, so that two who find it due ask once."""
    attempt = _attempt(place, lock=True)
    last = attempt.challenges.filter(step=place.step.key).last()
    if last and _is_open(last, place.now):
        # Told again: she may have come back to the page, or never have heard.
        transaction.on_commit(partial(_show, place, last), robust=True)
        return
    if last and place.now < last.asked_at + every:
        return
    asked = Challenge.objects.create(
        attempt=attempt,
        step=place.step.key,
        word=str(secrets.randbelow(9_000) + 1_000),
        asked_at=place.now,
        expires_at=place.now + ANSWERED_WITHIN,
    )
    transaction.on_commit(partial(_show, place, asked), robust=True)


def answer(place: Place, word: str) -> Challenge | None:
    """The challenge that this answers; None for a wrong word. Problem (409) `no_challenge`."""
    attempt = _attempt(place)
    asked = attempt.challenges.filter(step=place.step.key).select_for_update().last()
    if asked is None or not _is_open(asked, place.now):
        raise Problem("no_challenge", "You are not asked for a word now.", status=409)
    if word.strip() != asked.word:
        return None
    asked.answered_at = place.now
    asked.save(update_fields=["answered_at"])
    return asked


def vouching(place: Place) -> Callable[[datetime], bool]:
    """Whether a moment counts: whoever was asked before it has answered."""
    asked = list(
        Challenge.objects.filter(
            attempt__player=place.player,
            attempt__quest=place.quest.id,
            attempt__period=place.period,
            step=place.step.key,
        )
    )
    moments = [one.asked_at for one in asked]
    is_asked = bool(place.step.config["challengeMinutes"])

    def is_vouched(moment: datetime) -> bool:
        before = bisect_right(moments, moment)
        return bool(asked[before - 1].answered_at) if before else not is_asked

    return is_vouched


def _attempt(place: Place, *, lock: bool = False) -> Attempt:
    attempts = Attempt.objects.select_for_update() if lock else Attempt.objects.all()
    return attempts.get(player=place.player, quest=place.quest.id, period=place.period)


def _is_open(asked: Challenge, now: datetime) -> bool:
    return asked.answered_at is None and now < asked.expires_at


def _show(place: Place, asked: Challenge) -> None:
    doors.post_to_user(
        str(place.player.public_id),
        "quest:challenge",
        {
            "questNumber": place.quest.number,
            "title": place.quest.title,
            "stepId": place.step.key,
            "stepTitle": place.step.title,
            "word": asked.word,
            "expiresAt": instant(asked.expires_at),
        },
    )
