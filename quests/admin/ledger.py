"""The XP ledger: read, reversed with a reason, never changed. Awards are made here, too."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import User
from accounts.operating import demand, operator
from links.transfer.cells import write_moment
from monitoring.wire.problems import Problem
from quests.admin.corrections import ask_reason
from quests.admin.exports import Cells, ExportAdmin
from quests.admin.pages import ReasonForm, render_page
from quests.admin.why import WhyForm
from quests.completions import correcting
from quests.completions.correcting import MAX_AWARD
from quests.models import LedgerEntry, Season

_KINDS = {
    "completion": "success", "award": "info", "release": "success", "hold": "warning",
    "reversal": "danger",
}  # fmt: skip
_AWARD_NOTE = "Outside of any quest, and on the ledger with your name and reason."
_MINE = "quests.add_ledgerentry"


class AwardForm(ReasonForm):
    player = forms.CharField(
        max_length=150, widget=UnfoldAdminTextInputWidget({"autocapitalize": "none"})
    )
    amount = forms.IntegerField(
        label="XP",
        min_value=-MAX_AWARD,
        max_value=MAX_AWARD,
        help_text="With a minus it takes away.",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    season = forms.ModelChoiceField(
        queryset=Season.objects.filter(closed_at=None),
        required=False,
        help_text="Counts on its board as well as on the overall one.",
        widget=UnfoldAdminSelectWidget,
    )
    field_order = ["player", "amount", "season", "reason"]
    clean_player = WhyForm.clean_player


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ExportAdmin):
    list_display = ["created_at", "player", "shown_kind", "xp", "season", "actor", "reason"]
    list_filter = ["kind", "created_at", "season"]
    list_select_related = ["player", "season", "actor"]
    search_fields = ["player__username", "=player__wallets__address", "=public_id", "reason"]
    ordering = ["-pk"]
    show_full_result_count = False
    actions_list = ["award"]
    actions_detail = ["reverse"]
    fields = [
        "player", "kind", "xp", "completions", "season", "completion", "reverses", "actor",
        "reason", "created_at", "public_id",
    ]  # fmt: skip
    readonly_fields = fields
    export_related = ["player", "season", "completion__quest", "reverses", "actor"]
    export_columns = [
        "entryId", "player", "kind", "amount", "completions", "season", "questNumber",
        "completionId", "reverses", "by", "reason", "createdAt",
    ]  # fmt: skip

    @display(description="kind", ordering="kind", label=_KINDS)
    def shown_kind(self, entry: LedgerEntry) -> tuple[str, str]:
        return entry.kind, entry.get_kind_display()

    @display(description="XP", ordering="amount")
    def xp(self, entry: LedgerEntry) -> str:
        return f"{entry.amount:+,d}"

    def export_cells(self, row: LedgerEntry) -> Cells:
        done = row.completion
        return [
            str(row.public_id), row.player.username, row.kind, row.amount, row.completions,
            row.season.slug if row.season else "", done.quest.number if done else "",
            str(done.public_id) if done else "",
            str(row.reverses.public_id) if row.reverses else "",
            row.actor.username if row.actor else "", row.reason, write_moment(row.created_at),
        ]  # fmt: skip

    def has_award_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del obj
        return bool(request.user.has_perm(_MINE))

    def has_reverse_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """unfold gives the id: no button where the service would refuse for certain."""
        entry = self.get_object(request, str(obj))
        is_open = entry is not None and entry.kind in correcting.REVERSIBLE
        return is_open and self.has_award_permission(request)

    @action(description="Award XP", url_path="award", permissions=["award"])
    def award(self, request: HttpRequest) -> HttpResponse:
        return award_page(request, self)

    @action(description="Reverse", url_path="reverse", permissions=["reverse"])
    def reverse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(entry: LedgerEntry, reason: str) -> None:
            correcting.reverse_entry(entry=entry, reason=reason, actor=operator(request))

        rows = LedgerEntry.objects.filter(pk=object_id).select_related("player")
        back = reverse("admin:quests_ledgerentry_change", args=[object_id])
        notes = ["A second entry takes this one back; its completion counts no more."]
        return ask_reason(
            request, self, rows, act, verb="Reverse", done="reversed", back=back, notes=notes,
            name=lambda entry: f"{entry.player}: {entry}",
        )  # fmt: skip


def award_page(request: HttpRequest, model_admin: Any) -> HttpResponse:
    demand(request, _MINE)
    initial = {"player": request.GET.get("player", "")}
    form = AwardForm(request.POST or None, initial=initial)
    if form.is_valid():
        given = form.cleaned_data
        try:
            entry = correcting.award(**given, actor=operator(request))
        except Problem as problem:
            form.add_error(None, str(problem.detail))
        else:
            player: User = given["player"]
            messages.success(request, f"{entry.amount:+,d} XP for {player}.")
            return redirect(reverse("admin:quests_ledgerentry_change", args=[entry.pk]))
    return render_page(
        request, model_admin, "reason", "Award XP", form=form, verb="Award", notes=[_AWARD_NOTE],
        back=reverse("admin:quests_ledgerentry_changelist"),
    )  # fmt: skip
