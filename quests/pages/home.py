"""`/`: what this place is, to visitors; where she stands, to somebody who is signed in."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.models import User
from links.selectors import links_of
from quests import selectors
from quests.leaderboard import ranking
from quests.models import OVERALL, Quest
from quests.pages import places
from quests.pages.cards import Card, cards_of
from quests.pages.showing import overview
from quests.pages.visitors import visitor
from realtime import showing as rooms

FEED = 5
BEST = 7
CARDS = 3
MOST_QUESTS = 60
ROOMS = LINKS = 4


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    player = visitor(request)
    shared = {
        "newest": selectors.newest_completions(FEED),
        "best": places.with_players(ranking.page(OVERALL, offset=0, limit=BEST).places),
    }
    if player is None:
        return render(request, "quests/home.html", {**shared, **_for_visitors()})
    return render(request, "quests/overview.html", {**shared, **_for(player)})


def _for_visitors() -> dict[str, Any]:
    return {"figures": selectors.community_figures(), "cards": _playable(None)}


def _for(player: User) -> dict[str, Any]:
    return {
        **overview(player),
        "cards": _playable(player),
        "rooms": rooms.rooms_of(player)[:ROOMS],
        "links": links_of(player).order_by("-created_at", "-pk")[:LINKS],
    }


def _playable(player: User | None) -> list[Card]:
    published = Quest.objects.filter(status=Quest.Status.PUBLISHED).select_related("season")
    newest = published.defer("content").order_by("-number")[:MOST_QUESTS]
    return [card for card in cards_of(newest, player) if card.is_playable][:CARDS]
