"""Integrity: hints with what is behind them, and one deed: to hold what rests on one."""

from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.operating import demand, operator
from quests import integrity
from quests.admin.corrections import MOST_AT_ONCE, ask_reason
from quests.admin.pages import render_page
from quests.completions.correcting import hold_completion
from quests.integrity import seen
from quests.models import Completion

# A page is to be read: of each hint so many are named.
_NAMED = 20
_NOTE = (
    "Their XP is taken back until somebody has looked at each: then release and pay it, or never "
    "pay it, at “Completions”. The players see that they are held, and this reason."
)


def integrity_page(request: HttpRequest, model_admin: Any) -> HttpResponse:
    demand(request, "quests.view_player")
    if request.method == "POST":
        demand(request, "quests.change_completion")
        return _hold(request, model_admin)
    return render_page(
        request, model_admin, "integrity", "Integrity", hints=integrity.look(), days=seen.DAYS,
        named=_NAMED, may_hold=request.user.has_perm("quests.change_completion"),
        may_see=request.user.has_perm("quests.view_attempt"),
    )  # fmt: skip


def _hold(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Those that the hint named, whatever would be found now."""
    given = request.POST.getlist(ACTION_CHECKBOX_NAME)[: MOST_AT_ONCE + 1]
    ids = [int(value) for value in given if value.isdecimal() and len(value) < 19]
    rows = Completion.objects.select_related("player", "quest").filter(
        pk__in=ids, status=Completion.Status.PAID
    )

    def act(completion: Completion, reason: str) -> None:
        hold_completion(completion=completion, reason=reason, actor=operator(request))

    return ask_reason(
        request, model_admin, rows.order_by("pk"), act, verb="Hold", done="held", notes=[_NOTE],
        back=reverse("admin:quests_completion_integrity"), action="hold", name=_name,
    )  # fmt: skip


def _name(completion: Completion) -> str:
    return f"{completion.player}, {completion.quest} {completion.period}".rstrip()
