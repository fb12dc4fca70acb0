"""Why a player did, or did not, complete a quest: one page for support."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from accounts.models import User
from accounts.operating import demand
from accounts.selectors import find_person
from quests.admin.pages import render_page
from quests.definitions import definition_of
from quests.explanation import explain
from quests.models import Quest


class WhyForm(forms.Form):
    player = forms.CharField(
        label="Player or wallet",
        max_length=150,
        widget=UnfoldAdminTextInputWidget({"autocapitalize": "none"}),
    )
    quest = forms.IntegerField(
        label="Quest number", min_value=1, max_value=2**31 - 1, widget=UnfoldAdminIntegerFieldWidget
    )

    def clean_player(self) -> User:
        found = find_person(self.cleaned_data["player"])
        if found is None:
            raise forms.ValidationError("There is no such player.")
        return found

    def clean_quest(self) -> Quest:
        found = Quest.objects.filter(number=self.cleaned_data["quest"]).first()
        if found is None:
            raise forms.ValidationError("There is no such quest.")
        return found


def why_page(
    request: HttpRequest, model_admin: Any, *, player: str = "", number: int | None = None
) -> HttpResponse:
    demand(request, "quests.view_attempt")
    asked = {"player": player, "quest": number} if player else request.GET.dict()
    form = WhyForm(asked if asked.get("player") or asked.get("quest") else None)
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        context |= form.cleaned_data
        context["why"] = explain(context["player"], definition_of(context["quest"]))
    return render_page(request, model_admin, "why", "Why?", **context)
