"""The step "open a link": its form opens the player's own address of it, in a window beside."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from links import visits
from quests.evidence.visits import personal_visit
from quests.pages.quest import find_quest
from quests.pages.visitors import limit_player, player, telling_problems


@login_required
@require_POST
@telling_problems
def visit(request: HttpRequest, number: int, key: str) -> HttpResponse:
    """A page that goes on by itself, and no redirection: after a form, browsers hold a redirection
    to another site against this one's `form-action`."""
    limit_player(request)
    quest = find_quest(number)
    browser = visits.browser_of(request) or visits.new_browser()
    address = personal_visit(player=player(request), number=number, key=key, browser=browser)
    response = render(request, "quests/visit.html", {"quest": quest, "address": address})
    visits.remember_browser(response, browser)
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    return response
