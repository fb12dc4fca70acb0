"""Situations as the house would have seen them, for tests of integrity."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from links.clicks import partitions
from links.models import Click, Link, MarkedClick, VisitOutcome
from links.redirect.click import new_event_id
from quests import integrity
from quests.integrity import Hint
from quests.models import Attempt, Completion, Evidence, Quest

NOON = (timezone.now() - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)


def make_links(owner: User) -> list[Link]:
    return [
        Link.objects.create(
            owner=owner, slug=f"page{number}", slug_key=f"page{number}", url="https://example.com/"
        )
        for number in range(6)
    ]


def make_people() -> list[User]:
    return [User.objects.create_user(username=f"player{number}") for number in range(24)]


def clicked(
    player: User | None, link: Link, *, at: datetime, visitor: bytes = b"", outcome: str = "counted"
) -> str:
    """A click of her personal address, as the drain stores it; the click's id."""
    event_id = new_event_id().hex()
    MarkedClick.objects.create(
        event_id=event_id, at=at, link_id=link.pk, subject=str(player.public_id) if player else "",
        outcome=VisitOutcome(outcome),
    )  # fmt: skip
    if visitor:
        partitions.ensure([at.date()])
        Click.objects.create(
            event_id=event_id, at=at, link_id=link.pk, is_bot=False, visitor=visitor, country="",
            language="", referrer="", browser="", os="", device="", variant="", rule="",
        )  # fmt: skip
    return event_id


def done(
    player: User,
    quest: Quest,
    *,
    at: datetime,
    took: float = 60,
    evidence: str = "",
    source: str = "",
) -> Completion:
    """She completed it; if `evidence` is given, by a piece of that kind."""
    attempt = Attempt.objects.create(player=player, quest=quest)
    Attempt.objects.filter(pk=attempt.pk).update(started_at=at - timedelta(seconds=took))
    completion = Completion.objects.create(
        player=player, quest=quest, quest_version=1, status="paid", xp=10, completed_at=at
    )
    if evidence:
        seen(player, quest, at=at, kind=evidence, source=source, completion=completion)
    return completion


def seen(
    player: User, quest: Quest, *, at: datetime, kind: str, source: str = "", **more: Any
) -> None:
    payload = {"minute": 1} if kind == "room_presence" else {}
    Evidence.objects.create(
        player=player, quest=quest, step="step", kind=kind, state="verified", occurred_at=at,
        source_id=source or f"{kind} {at.timestamp()}", payload=payload, **more,
    )  # fmt: skip


def hints(code: str = "") -> list[Hint]:
    return [hint for hint in integrity.look() if code in {"", hint.code}]


def names(hint: Hint) -> list[str]:
    return sorted(player.username for player in hint.players)
