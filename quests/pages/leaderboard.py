"""`/leaderboard`: of all time and of each season."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from quests.models import OVERALL, Season
from quests.pages.places import read_board
from quests.pages.visitors import visitor, whole

PAGE_SIZE = 25
_DEEPEST = 1_000_000
_MOST_SEASONS = 12


@require_safe
def leaderboard(request: HttpRequest) -> HttpResponse:
    seasons = list(Season.objects.order_by("-created_at", "-pk")[:_MOST_SEASONS])
    season = _season(request.GET.get("season", ""), seasons)
    number = whole(request.GET.get("page"), 1, at_most=_DEEPEST)
    offset = (number - 1) * PAGE_SIZE
    board = read_board(season, visitor(request), offset=offset, limit=PAGE_SIZE)
    context = {
        "board": board,
        "board_id": season.pk if season else OVERALL,
        "season": season,
        "seasons": seasons,
        "number": number,
        "last": max(1, -(-board.total // PAGE_SIZE)),
        "own_page": (board.own_rank - 1) // PAGE_SIZE + 1 if board.own_rank else None,
    }
    if request.GET.get("part") == "places":
        response = render(request, "quests/parts/places.html", context)
        response["Cache-Control"] = "no-store"
        return response
    return render(request, "quests/leaderboard.html", context)


def _season(slug: str, listed: list[Season]) -> Season | None:
    if not slug:
        return None
    known = next((season for season in listed if season.slug == slug), None)
    found = known or Season.objects.filter(slug=slug).first()
    if found is None:
        raise Http404
    return found
