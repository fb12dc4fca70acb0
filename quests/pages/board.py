"""`/quests`: everything there is to do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from quests.models import Quest, Raffle, Season
from quests.pages.cards import Card, State, cards_of
from quests.pages.visitors import visitor, whole

PAGE_SIZE = 24
# What stands on one board; states are read of all of them, so that one can filter by them.
MOST_QUESTS = 500

_DONE = {State.COMPLETED, State.HELD, State.REVERSED}
_LATER = {State.LOCKED, State.COOLING, State.UPCOMING}
_GONE = {State.ENDED, State.SOLD_OUT}
# What the address says, what people read, and which states it means.
STATES: tuple[tuple[str, str, Callable[[Card], bool]], ...] = (
    ("", "All", lambda _: True),
    ("open", "To do", lambda card: card.is_playable),
    ("completed", "Done", lambda card: card.state in _DONE),
    ("locked", "Later", lambda card: card.state in _LATER),
    ("ended", "Over", lambda card: card.state in _GONE),
)


@dataclass(frozen=True, slots=True)
class Tab:
    slug: str
    title: str
    count: int
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters of an address; what names nothing that is there is not asked for."""

    category: str
    season: str
    state: str

    @property
    def is_narrowed(self) -> bool:
        return bool(self.category or self.season or self.state)


@require_safe
def board(request: HttpRequest) -> HttpResponse:
    player = visitor(request)
    quests = list(_visible()[:MOST_QUESTS])
    wanted = _wanted(request.GET, quests)
    cards = cards_of((quest for quest in quests if _fits(quest, wanted)), player)
    shown = [card for card in cards if _meaning(wanted.state)(card)]
    pages = Paginator(shown, PAGE_SIZE)
    context = {
        "page": pages.get_page(whole(request.GET.get("page"), 1, at_most=MOST_QUESTS)),
        "tabs": [
            Tab(slug, title, sum(map(means, cards)), slug == wanted.state)
            for slug, title, means in STATES
        ],
        "wanted": wanted,
        "categories": sorted({quest.category for quest in quests if quest.category}),
        "seasons": _seasons(quests),
        "season": _season(quests, wanted.season),
        "has_raffles": Raffle.objects.exists(),
        "now": timezone.now(),
    }
    return render(request, "quests/board.html", context)


def _visible() -> "QuerySet[Quest]":
    listed = Quest.objects.exclude(status=Quest.Status.DRAFT).select_related("season")
    return listed.defer("content").order_by("status", "-number")


def _wanted(query: QueryDict, quests: list[Quest]) -> Wanted:
    def known(name: str, values: Any) -> str:
        given = query.get(name, "")
        return given if given in set(values) else ""

    return Wanted(
        category=known("category", (quest.category for quest in quests)),
        season=known("season", (quest.season.slug for quest in quests if quest.season)),
        state=known("state", (slug for slug, *_ in STATES)),
    )


def _fits(quest: Quest, wanted: Wanted) -> bool:
    if wanted.category and quest.category != wanted.category:
        return False
    return not wanted.season or (quest.season is not None and quest.season.slug == wanted.season)


def _meaning(state: str) -> Callable[[Card], bool]:
    return next(means for slug, _, means in STATES if slug == state)


def _seasons(quests: list[Quest]) -> list[Season]:
    return list({quest.season.pk: quest.season for quest in quests if quest.season}.values())


def _season(quests: list[Quest], slug: str) -> Season | None:
    """The one that was asked for, else the one that goes on and ends first."""
    seasons = _seasons(quests)
    if slug:
        return next(season for season in seasons if season.slug == slug)
    now = timezone.now()
    running = [
        season
        for season in seasons
        if season.closed_at is None
        and (season.starts_at is None or season.starts_at <= now)
        and (season.ends_at is None or season.ends_at > now)
    ]
    return min(running, key=lambda one: (one.ends_at is None, one.ends_at or now), default=None)
