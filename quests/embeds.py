"""The leaderboard for pages of others, in a frame: small, without cookies, the same for everybody.

It reads well without JavaScript; with it, the page asks for itself every 15 s.
"""

from typing import Any

from csp.constants import HEADER as POLICY
from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from accounts.events import PEOPLE
from monitoring.correlation import route_of
from monitoring.responses import tags
from monitoring.wire.policy import is_personal
from quests.api.public_documents import KEPT_SECONDS, leaderboard_page
from quests.models import OVERALL, Season

MOST_PLACES = 50
_PLACES = 10
_THEMES = ("auto", "light", "dark")
# All that the page loads comes from here; who may show it is the operator's to say.
_LOADED = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors "
)


class _Wanted(forms.Form):
    season = forms.SlugField(max_length=50, required=False)
    limit = forms.IntegerField(min_value=1, max_value=MOST_PLACES, required=False)
    theme = forms.ChoiceField(choices=[(theme, theme) for theme in _THEMES], required=False)


@require_safe
@xframe_options_exempt
def leaderboard(request: HttpRequest) -> HttpResponse:
    """`?season=spring&limit=10&theme=dark`; without a season, of all time."""
    # Of what is shown the generation is read before anything else.
    before = None if is_personal(request) else tags.generation(PEOPLE)
    wanted = _Wanted(request.GET)
    theme = request.GET.get("theme", "")
    shown = {"theme": theme if theme in _THEMES else "auto", "home": settings.PUBLIC_URL}
    if not wanted.is_valid() or set(request.GET) - set(wanted.fields):
        return _page(shown | {"refusal": "This address is wrong: see its description."}, 400)
    board = _board(wanted.cleaned_data["season"])
    if board is None:
        return _page(shown | {"refusal": "There is no such season."}, 404)
    number, title = board
    limit = wanted.cleaned_data["limit"] or _PLACES
    page = leaderboard_page(number, 0, limit)
    response = _page(shown | {"title": title, "places": page["users"], "total": page["total"]}, 200)
    route = route_of(request)
    tags.keep(response, tag=PEOPLE, generation=before, seconds=KEPT_SECONDS, route=route)
    return response


def _board(slug: str) -> tuple[int, str] | None:
    if not slug:
        return OVERALL, "Leaderboard"
    season = Season.objects.filter(slug=slug).first()
    return (season.pk, season.name) if season else None


def _page(context: dict[str, Any], status: int) -> HttpResponse:
    # Without a request: no context processor may ask for a session.
    content = render_to_string("quests/embed_leaderboard.html", context)
    response = HttpResponse(content, status=status)
    response[POLICY] = _LOADED + (" ".join(settings.EMBED_ANCESTORS) or "'none'")
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Cache-Control"] = f"public, max-age={KEPT_SECONDS}"
    return response
