"""The demo is played: what its people have done, the same every time.

Everything is made by the services, as people would, so every figure can be reconciled. For that
all of it happens now: what is paid bears the moment in which it was paid.
"""

import random
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from links import demo as links
from links.visits import new_browser
from monitoring.wire.problems import Problem
from quests import reviews
from quests.authoring.seasons import create_season
from quests.authoring.services import change_status, close_season, create_quest
from quests.completions.completing import complete_quest
from quests.completions.correcting import award
from quests.demo import story
from quests.evidence.asserted import assert_fact
from quests.evidence.verifying import verify
from quests.evidence.visits import personal_visit
from quests.leaderboard import segments
from quests.models import Achievement, Completion, Quest, Season
from quests.progress import start_quest, submit_step
from quests.raffles.services import create_raffle
from realtime.demo import LOBBY, speak

# By the kind of a step: what is sent in for it.
_ANSWERS: dict[str, Any] = {
    "quiz": story.HOUSE_RIGHT,
    "secret_code": story.WORD,
    "streak": "here",
}
_TAKES_DAYS = {"streak"}


def load(operator: User, people: Sequence[User]) -> int:
    """Make it all; returns how many quests were completed."""
    made = _make(operator)
    chance = random.Random("demo")  # noqa: S311 - a story, no secret
    for told in sorted(story.QUESTS, key=lambda told: told.season != story.CLOSED):
        players = [person for person in people if chance.random() < told.likely]
        _play(told, made[told.title].number, players, operator)
        if told.title == _last_of_closed():
            _close(operator, made)
    _extras(operator, people, made)
    while segments.fold():
        pass
    return Completion.objects.filter(player__in=people).count()


def _make(operator: User) -> dict[str, Quest]:
    today = timezone.now()
    for weeks, (slug, fields) in zip((12, 3), story.SEASONS.items(), strict=True):
        starts = today - timedelta(weeks=weeks)
        create_season(slug=slug, actor=operator, starts_at=starts, **fields)
    for achievement in story.ACHIEVEMENTS:
        Achievement.objects.create(**achievement)
    made: dict[str, Quest] = {}
    for told in story.QUESTS:
        document: dict[str, Any] = {
            "title": told.title, "xpReward": told.xp, "season": told.season, "status": "published",
            "steps": list(told.steps), **told.fields,
        }  # fmt: skip
        if told.after:
            document["prerequisites"] = {"quest": made[told.after].number}
        made[told.title] = create_quest(document=document, actor=operator)
    return made


def _last_of_closed() -> str:
    return [told.title for told in story.QUESTS if told.season == story.CLOSED][-1]


def _close(operator: User, made: dict[str, Quest]) -> None:
    """The season is over: its ranks stand, and its quests are done by nobody any more."""
    season = Season.objects.get(slug=story.CLOSED)
    close_season(season=season, actor=operator, reason="Spring is over.")
    for told in story.QUESTS:
        if told.season == story.CLOSED:
            change_status(quest=made[told.title], status=Quest.Status.CLOSED, actor=operator)


def _play(told: story.Told, number: int, players: Sequence[User], operator: User) -> None:
    """By what its first step asks for."""
    kind = told.steps[0]["kind"] if told.steps else ""
    ways: dict[str, Callable[[], None]] = {
        "visit_link": lambda: _visit(told, number, players),
        "room_message": lambda: _talk(number, players),
        "room_presence": lambda: _each(players, lambda player: _start(player, number)),
        "proof": lambda: _prove(number, players, operator),
        "evidence": lambda: _come(number, players, operator),
    }
    way = ways.get(kind, lambda: _each(players, lambda player: _do(told, number, player)))
    way()


def _each(players: Iterable[User], act: Callable[[User], None]) -> None:
    """What waits for a review, or for days, or was for others, is a part of the story."""
    for player in players:
        try:
            act(player)
        except Problem:
            continue


def _start(player: User, number: int) -> None:
    start_quest(player=player, number=number)


def _do(told: story.Told, number: int, player: User) -> None:
    for step in told.steps:
        if (answer := _ANSWERS.get(step["kind"])) is not None:
            submit_step(player=player, number=number, key=step["id"], answer=answer)
    if not any(step["kind"] in _TAKES_DAYS for step in told.steps):
        complete_quest(player=player, number=number)


def _visit(told: story.Told, number: int, players: Sequence[User]) -> None:
    """Each opens an address of her own, which the drain verifies. Of a chain this is the first
    step; for the rest somebody has to be there."""
    step = told.steps[0]["id"]
    visits: list[tuple[str, str]] = []
    for player in players:
        browser = new_browser()
        visits.append(
            (personal_visit(player=player, number=number, key=step, browser=browser), browser)
        )
    time.sleep(0.002)  # the moment in a click's id is a whole millisecond, and must be after these
    verify("visit_link", links.open_addresses(visits))


def _talk(number: int, players: Sequence[User]) -> None:
    """Two lines each, as long as there are some."""
    pairs = zip(story.SAID[::2], story.SAID[1::2], strict=True)
    said: list[str] = []
    for player, lines in zip(players, pairs, strict=False):
        start_quest(player=player, number=number)
        said += speak(player, LOBBY, lines)
    verify("room_message", said)


def _prove(number: int, players: Sequence[User], operator: User) -> None:
    """Some proofs were looked at; the others wait for you."""
    for player, (answer, verdict) in zip(players, story.PROOFS, strict=False):
        start_quest(player=player, number=number)
        outcome = submit_step(player=player, number=number, key="proof", answer=answer)
        if outcome.evidence is None or not verdict:
            continue
        if verdict == "approved":
            reviews.approve(evidence=outcome.evidence, actor=operator, note="Lovely.")
            complete_quest(player=player, number=number)
        else:
            reviews.reject(evidence=outcome.evidence, actor=operator, note=verdict)


def _come(number: int, players: Sequence[User], operator: User) -> None:
    """The scanner at the door tells afterwards, of three weeks."""
    for place, player in enumerate(players):
        start_quest(player=player, number=number)
        assert_fact(
            asserted_by=operator,
            quest_number=number,
            requirement="door",
            wallet_address=player.wallets.get().address,
            source_id=f"door {place}",
            occurred_at=timezone.now() - timedelta(days=21 - place % 21, hours=place % 5),
            payload={"door": "north" if place % 3 else "south"},
        )
        complete_quest(player=player, number=number)


def _extras(operator: User, people: Sequence[User], made: dict[str, Quest]) -> None:
    """One whose XP is held until somebody has looked, an award, and a raffle to come."""
    running = Season.objects.get(slug=story.RUNNING)
    held = next(told for told in story.QUESTS if told.title == story.HELD)
    _do(held, made[story.HELD].number, people[4])
    award(
        player=people[1], amount=75, reason="Carried every chair at the workshop", actor=operator,
        season=running,
    )  # fmt: skip
    create_raffle(
        **story.RAFFLE,
        season=running,
        closes_at=timezone.now() + timedelta(weeks=2),
        actor=operator,
    )
