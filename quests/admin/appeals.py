"""Appeals: the queue, and each with the two ways to decide it."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.operating import ReadOnlyAdmin, operator, to_page
from monitoring.wire.problems import Problem
from quests import appeals
from quests.admin.completions import TONES
from quests.admin.pages import render_page
from quests.models import Appeal

_STATES = {"open": "warning", "granted": "success", "declined": "danger"}
_GRANTING = (
    "What is held is released and paid. A reversal stands: its XP is paid by an award, and the "
    "completion counts for nothing else."
)
_DECLINING = "It stays as it is. The player can read the note, and cannot appeal again."


class NoteForm(forms.Form):
    version = forms.IntegerField(widget=forms.HiddenInput)
    note = forms.CharField(
        label="Note for the player",
        max_length=appeals.MAX_NOTE,
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
    )


@admin.register(Appeal)
class AppealAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "player", "quest", "shown_state", "shown_status", "decided_by"]
    list_filter = ["state", "created_at"]
    list_select_related = ["player", "completion__quest", "decided_by"]
    search_fields = [
        "player__username",
        "=public_id",
        "=completion__public_id",
        "=completion__quest__number",
    ]
    ordering = ["-created_at", "-pk"]
    show_full_result_count = False
    actions_detail = ["grant", "decline"]
    fields = [
        "player", "quest", "shown_completion", "completion_status", "reason", "text", "state",
        "note", "entry", "decided_by", "decided_at", "created_at", "public_id",
    ]  # fmt: skip
    readonly_fields = fields

    @display(description="quest")
    def quest(self, appeal: Appeal) -> str:
        return str(appeal.completion.quest)

    @display(description="completion")
    def shown_completion(self, appeal: Appeal) -> str:
        page = reverse("admin:quests_completion_change", args=[appeal.completion_id])
        return to_page(page, appeal.completion)

    @display(description="why it is not paid")
    def reason(self, appeal: Appeal) -> str:
        return appeal.completion.reason

    @display(description="state", ordering="state", label=_STATES)
    def shown_state(self, appeal: Appeal) -> tuple[str, str]:
        return appeal.state, appeal.get_state_display()

    @display(description="completion is", label=TONES)
    def shown_status(self, appeal: Appeal) -> tuple[str, str]:
        return appeal.completion.status, appeal.completion.get_status_display()

    @display(description="completion is")
    def completion_status(self, appeal: Appeal) -> str:
        return appeal.completion.get_status_display()

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """unfold gives the id: the buttons stand only while there is something to decide."""
        found = self.get_object(request, str(obj))
        is_open = found is not None and found.state == Appeal.State.OPEN
        return is_open and bool(request.user.has_perm("quests.change_appeal"))

    @action(description="Grant", url_path="grant", permissions=["decide"])
    def grant(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, appeals.grant, "Grant the appeal", _GRANTING)

    @action(description="Decline", url_path="decline", permissions=["decide"])
    def decline(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, appeals.decline, "Decline the appeal", _DECLINING)

    def _decide(
        self, request: HttpRequest, object_id: str, act: Callable[..., Appeal], verb: str, note: str
    ) -> HttpResponse:
        rows = Appeal.objects.select_related("player", "completion__quest")
        appeal = rows.get(pk=object_id)
        form = NoteForm(request.POST or None, initial={"version": appeal.version})
        if form.is_valid() and self._is_done(request, appeal, act, form):
            return redirect(reverse("admin:quests_appeal_changelist") + "?state__exact=open")
        back = reverse("admin:quests_appeal_change", args=[appeal.pk])
        told = [f"{appeal.player}, {appeal.completion.quest}: {appeal.text}"]
        asked = {"form": form, "rows": told, "notes": [note], "verb": verb, "back": back}
        return render_page(request, self, "reason", verb, **asked)

    def _is_done(
        self, request: HttpRequest, appeal: Appeal, act: Callable[..., Appeal], form: NoteForm
    ) -> bool:
        given = {
            "note": form.cleaned_data["note"],
            "expected_version": form.cleaned_data["version"],
        }
        try:
            decided = act(appeal=appeal, actor=operator(request), **given)
        except Problem as problem:
            form.add_error(None, str(problem.detail))
            return False
        messages.success(request, f"{decided.get_state_display().capitalize()}: {appeal.player}.")
        return True
