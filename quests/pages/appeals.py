"""`/completions/<id>/appeal`: a player asks once for a second look at what was not paid."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from accounts.throttling import limit_caller
from monitoring.wire.problems import Problem
from quests import appeals
from quests.models import Completion
from quests.pages.showing import Refusal
from quests.pages.visitors import player


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def appeal(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Somebody else's is not there."""
    mine = Completion.objects.filter(player=player(request)).select_related("quest", "appeal")
    completion = get_object_or_404(mine, public_id=public_id)
    context: dict[str, Any] = {"completion": completion, "quest": completion.quest}
    if request.method != "POST":
        return render(request, "quests/appeal.html", context)
    text = request.POST.get("text", "")
    try:
        limit_caller(request, "strict")  # as the API does
        appeals.appeal(player=player(request), completion=completion, text=text)
    except Problem as problem:
        context["refusal"] = Refusal("", str(problem.detail), {"text": [text]})
        return render(request, "quests/appeal.html", context, status=problem.status_code)
    messages.info(request, "Sent. Somebody will look at it again.")
    return redirect("quests:appeal-page", public_id)
