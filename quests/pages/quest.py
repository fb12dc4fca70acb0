"""`/quests/<number>`: one quest, played with forms. What was refused stands beside its step."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from monitoring.wire.problems import Problem
from quests import progress
from quests.completions.completing import Result, complete_quest
from quests.definitions import definition_of
from quests.explanation import explain
from quests.levels import level_of
from quests.models import Evidence, Quest
from quests.pages import showing
from quests.pages.answers import answer_in
from quests.pages.showing import Refusal
from quests.pages.visitors import limit_player, player, visitor


@require_safe
def quest_page(request: HttpRequest, number: int) -> HttpResponse:
    quest = find_quest(number)
    template = "quests/parts/play.html" if request.GET.get("part") == "play" else None
    return _page(request, quest, template=template or "quests/quest.html")


@login_required
@require_POST
def start(request: HttpRequest, number: int) -> HttpResponse:
    quest = find_quest(number)
    try:
        limit_player(request)
        progress.start_quest(player=player(request), number=number)
    except Problem as problem:
        return _page(request, quest, Refusal("", str(problem.detail)), problem.status_code)
    return redirect(f"{_address(number)}#steps")


@login_required
@require_POST
def complete(request: HttpRequest, number: int) -> HttpResponse:
    quest = find_quest(number)
    try:
        limit_player(request)
        result = complete_quest(player=player(request), number=number)
    except Problem as problem:
        if problem.code == "quest_already_completed":
            return redirect(_address(number))
        return _page(request, quest, Refusal("", str(problem.detail)), problem.status_code)
    _congratulate(request, result)
    return redirect(_address(number))


@require_http_methods(["GET", "HEAD", "POST"])
def step(request: HttpRequest, number: int, key: str) -> HttpResponse:
    """To GET it is a place of the page: whoever comes back to an answer that she has sent."""
    if request.method != "POST":
        return redirect(f"{_address(number)}#step-{key}")
    if visitor(request) is None:
        return redirect(f"{reverse('accounts:login')}?{urlencode({'next': _address(number)})}")
    quest = find_quest(number)
    refusal, status = _submit(request, quest, key)
    if refusal:
        return _page(request, quest, refusal, status)
    return redirect(f"{_address(number)}#step-{key}")


@login_required
@require_safe
def why(request: HttpRequest, number: int) -> HttpResponse:
    quest = find_quest(number)
    found = explain(player(request), definition_of(quest))
    return render(request, "quests/why.html", {"quest": quest, "why": found})


def find_quest(number: int) -> Quest:
    """As visitors see it: no draft. Http404."""
    quests = Quest.objects.exclude(status=Quest.Status.DRAFT).select_related("season")
    quest = quests.prefetch_related("requirements").filter(number=number).first()
    if quest is None:
        raise Http404
    return quest


def _submit(request: HttpRequest, quest: Quest, key: str) -> tuple[Refusal | None, int]:
    """What was refused, if it was, and the status to say it with."""
    sent = {name: request.POST.getlist(name) for name in request.POST}
    try:
        limit_player(request)
        answer = answer_in(request, definition_of(quest).step(key))
        outcome = progress.submit_step(
            player=player(request), number=quest.number, key=key, answer=answer
        )
    except Problem as problem:
        wait = problem.headers.get("Retry-After", "")
        return Refusal(key, str(problem.detail), sent, wait), problem.status_code
    if outcome.evidence is None:
        return Refusal(key, _wrong(outcome.tries_left), sent), 200
    if outcome.evidence.state == Evidence.State.PENDING:
        messages.info(request, "Sent. Somebody will look at it.")
    return None, 200


def _wrong(tries_left: int | None) -> str:
    if tries_left is None:
        return "This is not right."
    if not tries_left:
        return "This is not right, and there is a pause now before the next try."
    tries = "1 try" if tries_left == 1 else f"{tries_left} tries"
    return f"This is not right. {tries} left until a pause."


def _congratulate(request: HttpRequest, result: Result) -> None:
    title = result.quest.title
    if result.is_held:
        messages.info(request, f"“{title}” is done. It is paid after a review.")
        return
    messages.success(request, f"“{title}” is done: +{result.xp_earned:,} XP.")
    level = level_of(result.total_xp)
    if level > level_of(result.total_xp - result.xp_earned):
        messages.success(request, f"You have reached level {level}.")


def _address(number: int) -> str:
    return reverse("quests:quest-page", args=[number])


def _page(
    request: HttpRequest,
    quest: Quest,
    refusal: Refusal | None = None,
    status: int = 200,
    *,
    template: str = "quests/quest.html",
) -> HttpResponse:
    context: dict[str, Any] = showing.quest_page(quest, visitor(request), refusal)
    response = render(request, template, context, status=status)
    if refusal and refusal.wait:
        response["Retry-After"] = refusal.wait
    if template != "quests/quest.html":
        response["Cache-Control"] = "no-store"
    return response
