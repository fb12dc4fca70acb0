"""The step "visit a link": its form opens the link as this player's own, in a window beside."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from accounts.models import User
from monitoring.wire.problems import Problem
from quests.definitions import Step, definition_of
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
    step = definition_of(quest).step(key)
    if step.kind != "visit_link":
        raise Problem("step_not_visited", "There is nothing to visit at this step.", status=409)
    address = personal_address(request, player=player(request), number=number, step=step)
    response = render(request, "quests/visit.html", {"quest": quest, "address": address})
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    return response


def personal_address(request: HttpRequest, *, player: User, number: int, step: Step) -> str:
    """Where her own visit leads. It is the link as everybody has it until visits are evidence:
    then quests.evidence.visits.personal_visit says it, in this one place."""
    del request, player, number
    return f"/{step.config['link']}"
