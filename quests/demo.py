"""The demo's quests: a season, six things to do, a dozen players who have done some of them.

Everything is made by the services, as people would; so every figure can be reconciled.
"""

import random
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import User, Wallet
from links.demo import USERNAME
from monitoring.wire.problems import Problem
from quests.authoring.services import create_quest
from quests.completions.completing import complete_quest
from quests.demo_players import NAMES, address_of
from quests.leaderboard import segments
from quests.models import (
    Achievement,
    AuditEntry,
    Completion,
    Delivery,
    Evidence,
    LedgerEntry,
    OutboxEvent,
    Player,
    Quest,
    QuotaSlot,
    Season,
    SeasonRank,
    Standing,
    Webhook,
)
from quests.progress import start_quest, submit_step

SEASON = "demo-season"
_DAYS = 60
_CODE = "open source"
_QUIZ = {
    "questions": [
        {"text": "What does a quest pay?", "options": ["XP", "coffee"], "right": [0]},
        {
            "text": "Which of these does the server see by itself?",
            "options": ["a click", "a thought", "a message in a room"],
            "right": [0, 2],
        },
    ],
}
_QUESTS: tuple[dict[str, Any], ...] = (
    {
        "title": "Say hello", "category": "welcome", "xpReward": 10, "estimatedTime": 1,
        "description": "The first one is free.",
        "content": "# Welcome\n\nPress **complete**. That is all.",
    },
    {
        "title": "Know the house", "category": "learning", "xpReward": 30, "estimatedTime": 5,
        "description": "Two questions about how things work here.",
        "content": "Read the *handbook*, then answer.",
        "steps": [{"id": "quiz", "kind": "quiz", "title": "Two questions", "config": _QUIZ}],
    },
    {
        "title": "The word of the talk", "category": "events", "xpReward": 40, "quota": 5,
        "description": "For the first five who listened. The demo's word: open source.",
        "steps": [
            {"id": "word", "kind": "secret_code", "title": "The word", "config": {"codes": [_CODE]}}
        ],
    },
    {
        "title": "Show what you made", "category": "making", "xpReward": 100, "estimatedTime": 60,
        "description": "A link, a text or an image; somebody looks at it.",
        "steps": [{"id": "proof", "kind": "proof", "title": "Your work", "config": {}}],
    },
    {
        "title": "Come back for a week", "category": "welcome", "xpReward": 70,
        "description": "Seven days in a row; one may be missed.",
        "steps": [
            {"id": "days", "kind": "streak", "title": "Seven days", "config": {"days": 7}}
        ],
    },
    {
        "title": "Regulars only", "category": "events", "xpReward": 25, "recurrence": "weekly",
        "description": "Once a week, for those who know the house.",
    },
)  # fmt: skip
_ACHIEVEMENTS: tuple[dict[str, Any], ...] = (
    {"slug": "demo-first-steps", "name": "First steps", "metric": "completions"},
    {"slug": "demo-fifty", "name": "Fifty", "metric": "xp", "threshold": 50},
    {"slug": "demo-scholar", "name": "Scholar", "metric": "category", "category": "learning"},
)


def load(operator: User) -> int:
    """Make it all; returns how many quests were completed."""
    Season.objects.create(
        slug=SEASON,
        name="Demo season",
        description="Six quests to try everything with, and a leaderboard of its own.",
        ends_at=timezone.now() + timedelta(days=_DAYS),
    )
    for achievement in _ACHIEVEMENTS:
        Achievement.objects.create(**achievement)
    numbers: list[int] = []
    for document in _QUESTS:
        about = {"season": SEASON, "status": "published", **document}
        if document["title"] == "Regulars only":
            about["prerequisites"] = {"quest": numbers[1]}
        numbers.append(create_quest(document=about, actor=operator).number)
    completed = sum(_play(_player(name), numbers) for name in NAMES)
    while segments.fold():
        pass
    return completed


def _player(name: str) -> User:
    user = User(username=f"{name}-demo")
    user.set_unusable_password()
    user.save()
    Wallet.objects.create(user=user, address=address_of(name), is_primary=True)
    Player.objects.create(user=user)
    return user


def _play(player: User, numbers: list[int]) -> int:
    """What this player does, the same every time; how much of it was paid."""
    hello, quiz, word, proof, streak, regulars = numbers
    chance, paid = random.Random(player.username), 0  # noqa: S311 - a story, no secret
    answers: tuple[tuple[int, str, Any, float], ...] = (
        (quiz, "quiz", {"0": [0], "1": [0, 2]}, 0.7),
        (word, "word", _CODE, 0.6),
        (proof, "proof", {"link": f"https://example.com/{player.username}"}, 0.4),
        (streak, "days", "here", 0.8),
    )
    for number in (hello, *(answer[0] for answer in answers), regulars):
        answer = next((one for one in answers if one[0] == number), None)
        if answer and chance.random() > answer[3]:
            continue
        try:
            start_quest(player=player, number=number)
            if answer:
                submit_step(player=player, number=number, key=answer[1], answer=answer[2])
            complete_quest(player=player, number=number)
            paid += 1
        except Problem:
            continue  # what waits for a review, or for days, or was for others
    return paid


class InUseError(Exception):
    """Why the demo cannot be taken away: a sentence."""


def refuse_in_use() -> None:
    """InUseError when it has become part of a community: what others earned, or what its operator
    did to them, is theirs, and the ledger loses no line of a real person."""
    season = Quest.objects.filter(season__slug=SEASON)
    others = LedgerEntry.objects.exclude(player__in=_cast())
    reasons = {
        "lines of other people's XP": others.filter(completion__quest__in=season).count()
        + others.filter(actor__username=USERNAME).count(),
        "quests that are not the demo's": season.exclude(
            title__in=[quest["title"] for quest in _QUESTS]
        ).count(),
    }
    if found := [f"{count} {what}" for what, count in reasons.items() if count]:
        raise InUseError(f"The demo is part of what is real by now: {', '.join(found)}. It stays.")


def _cast() -> "QuerySet[User]":
    """Its players, and its operator, who may have played."""
    return User.objects.filter(username__in=[USERNAME, *(f"{name}-demo" for name in NAMES)])


@transaction.atomic
def clear() -> None:
    """The one case in which lines leave the ledger: its guards are taken down and put up again in
    this very transaction. `refuse_in_use` has been asked before."""
    players = _cast()
    quests = Quest.objects.filter(season__slug=SEASON)
    completions = Completion.objects.filter(player__in=players)
    webhooks = Webhook.objects.filter(owner__in=players)
    QuotaSlot.objects.filter(quest__in=quests).delete()
    Delivery.objects.filter(Q(event__player__in=players) | Q(webhook__in=webhooks)).delete()
    webhooks.delete()
    OutboxEvent.objects.filter(player__in=players).delete()
    Achievement.objects.filter(slug__startswith="demo-").delete()
    Evidence.objects.filter(player__in=players).delete()
    _delete_from_ledger([player.pk for player in players])
    QuotaSlot.objects.filter(completion__in=completions).update(completion=None)
    completions.delete()
    Standing.objects.filter(player__in=players).delete()
    SeasonRank.objects.filter(season__slug=SEASON).delete()
    AuditEntry.objects.filter(actor__username=USERNAME).delete()
    quests.delete()
    Season.objects.filter(slug=SEASON).delete()
    players.exclude(username=USERNAME).delete()


def _delete_from_ledger(players: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # ALTER TABLE waits for no deferred check
        cursor.execute("ALTER TABLE quests_ledgerentry DISABLE TRIGGER ledger_append_only")
        cursor.execute("GRANT DELETE ON quests_ledgerentry TO CURRENT_USER")
        cursor.execute("DELETE FROM quests_ledgerentry WHERE player_id = ANY(%s)", [players])
        cursor.execute("REVOKE DELETE ON quests_ledgerentry FROM CURRENT_USER")
        cursor.execute("ALTER TABLE quests_ledgerentry ENABLE TRIGGER ledger_append_only")
