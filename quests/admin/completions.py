"""Completions: looked at with all that they rest on; held, released, or never paid."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from unfold.decorators import action, display

from accounts.operating import operator, to_page
from links.transfer.cells import write_moment
from quests.admin.corrections import ask_reason
from quests.admin.exports import Cells, ExportAdmin
from quests.admin.integrity import integrity_page
from quests.admin.pages import Table
from quests.admin.why import why_page
from quests.completions import correcting
from quests.models import AuditEntry, Completion, LedgerEntry

Status = Completion.Status
TONES = {"paid": "success", "held": "warning", "reversed": "danger"}
# What each deed is from, and the service that does it.
_DEEDS: dict[str, tuple[Status, Any, str, str]] = {
    "hold": (Status.PAID, correcting.hold_completion, "Hold", "held"),
    "release": (Status.HELD, correcting.release_completion, "Release and pay", "released"),
    "never_pay": (Status.HELD, correcting.reverse_held, "Never pay", "will never be paid"),
}


@admin.register(Completion)
class CompletionAdmin(ExportAdmin):
    change_form_template = "admin/quests/completion/change_form.html"
    list_display = ["completed_at", "player", "quest", "period", "shown_status", "pays"]
    list_filter = ["status", "completed_at", "quest__season", "quest"]
    list_select_related = ["player", "quest"]
    search_fields = [
        "player__username",
        "=player__wallets__address",
        "=public_id",
        "=quest__number",
    ]
    ordering = ["-completed_at", "-pk"]
    show_full_result_count = False
    actions = ["hold_many", "release_many", "never_pay_many"]
    actions_detail = ["hold", "release", "never_pay", "why"]
    fields = [
        "player", "quest", "status", "pays", "reason", "completed_at", "period",
        "quest_version", "public_id",
    ]  # fmt: skip
    readonly_fields = fields
    export_related = ["player", "quest__season"]
    export_columns = [
        "completionId", "player", "questNumber", "questName", "season", "period", "status", "xp",
        "completedAt", "questVersion", "reason",
    ]  # fmt: skip

    @display(description="status", ordering="status", label=TONES)
    def shown_status(self, completion: Completion) -> tuple[str, str]:
        return completion.status, completion.get_status_display()

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        pages = [
            path("why/", view(self.why_anybody), name="quests_completion_why_anybody"),
            path("integrity/", view(self.integrity), name="quests_completion_integrity"),
        ]
        return [*pages, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        completion = self.get_object(request, object_id)
        tables = _tables(completion) if completion else []
        context = {**(extra_context or {}), "tables": tables}
        answer = super().change_view(request, object_id, form_url, context)
        return cast("HttpResponse", answer)

    @display(description="XP", ordering="xp")
    def pays(self, completion: Completion) -> str:
        return f"{completion.xp:,}"

    def export_cells(self, row: Completion) -> Cells:
        season = row.quest.season
        return [
            str(row.public_id), row.player.username, row.quest.number, row.quest.title,
            season.slug if season else "", row.period, row.status, row.xp,
            write_moment(row.completed_at), row.quest_version, row.reason,
        ]  # fmt: skip

    # --- Deeds ------------------------------------------------------------------------------------

    def has_correct_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("quests.change_completion"))

    def has_hold_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "hold", obj)

    def has_release_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "release", obj)

    def has_why_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del obj
        return bool(request.user.has_perm("quests.view_attempt"))

    def _may(self, request: HttpRequest, deed: str, completion_id: Any) -> bool:
        """unfold gives the id: the button stands only where the deed would make sense."""
        found = self.get_object(request, str(completion_id))
        makes_sense = found is not None and found.status == _DEEDS[deed][0]
        return makes_sense and self.has_correct_permission(request)

    @action(description="Hold", url_path="hold", permissions=["hold"])
    def hold(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._one(request, object_id, "hold")

    @action(description="Release and pay", url_path="release", permissions=["release"])
    def release(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._one(request, object_id, "release")

    @action(description="Never pay", url_path="never-pay", permissions=["release"])
    def never_pay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._one(request, object_id, "never_pay")

    @admin.action(description="Hold", permissions=["correct"])
    def hold_many(self, request: HttpRequest, rows: QuerySet[Completion]) -> HttpResponse:
        return self._many(request, rows, "hold")

    @admin.action(description="Release and pay", permissions=["correct"])
    def release_many(self, request: HttpRequest, rows: QuerySet[Completion]) -> HttpResponse:
        return self._many(request, rows, "release")

    @admin.action(description="Never pay", permissions=["correct"])
    def never_pay_many(self, request: HttpRequest, rows: QuerySet[Completion]) -> HttpResponse:
        return self._many(request, rows, "never_pay")

    def _one(self, request: HttpRequest, object_id: str, deed: str) -> HttpResponse:
        rows = Completion.objects.filter(pk=object_id)
        back = reverse("admin:quests_completion_change", args=[object_id])
        return self._ask(request, rows, deed, back=back)

    def _many(self, request: HttpRequest, rows: Any, deed: str) -> HttpResponse:
        return self._ask(request, rows, deed, back=request.get_full_path(), action=f"{deed}_many")

    def _ask(self, request: HttpRequest, rows: Any, deed: str, **how: str) -> HttpResponse:
        _, service, verb, done = _DEEDS[deed]

        def act(completion: Completion, reason: str) -> None:
            service(completion=completion, reason=reason, actor=operator(request))

        named = rows.select_related("player", "quest")
        return ask_reason(request, self, named, act, verb=verb, done=done, name=_name, **how)

    @action(description="Why?", url_path="why", permissions=["why"])
    def why(self, request: HttpRequest, object_id: str) -> HttpResponse:
        completion = Completion.objects.select_related("player", "quest").get(pk=object_id)
        return why_page(
            request, self, player=completion.player.username, number=completion.quest.number
        )

    def why_anybody(self, request: HttpRequest) -> HttpResponse:
        return why_page(request, self)

    def integrity(self, request: HttpRequest) -> HttpResponse:
        return integrity_page(request, self)


def _name(completion: Completion) -> str:
    return f"{completion.player}, {completion.quest} {completion.period}".rstrip()


def _tables(completion: Completion) -> list[tuple[str, Table]]:
    """What it rests on: evidence, ledger, audit."""
    evidence = completion.evidence.select_related("reviewed_by").order_by("occurred_at", "pk")
    entries = completion.entries.select_related("actor").order_by("pk")
    subjects = [f"completion {completion.public_id}"]
    subjects += [f"entry {entry.public_id}" for entry in entries]
    subjects += [f"evidence {row.public_id}" for row in evidence]
    noted = AuditEntry.objects.filter(subject__in=subjects).select_related("actor")
    return [
        ("Evidence", _evidence_table(evidence)),
        ("Ledger", _ledger_table(entries)),
        ("Audit", _audit_table(noted)),
    ]


def _evidence_table(rows: Any) -> Table:
    return {
        "headers": ["Step", "Kind", "State", "Seen at", "Facts", "Reviewed by", "Note"],
        "rows": [
            [row.step, row.kind, row.get_state_display(), f"{row.occurred_at:%F %T}",
             ", ".join(f"{name}: {value}" for name, value in row.payload.items()),
             row.reviewed_by or "", row.review_note]
            for row in rows
        ],
    }  # fmt: skip


def _ledger_table(rows: "QuerySet[LedgerEntry]") -> Table:
    return {
        "headers": ["Entry", "XP", "At", "By", "Reason"],
        "rows": [
            [to_page(reverse("admin:quests_ledgerentry_change", args=[row.pk]),
                     row.get_kind_display()),
             f"{row.amount:+,d}", f"{row.created_at:%F %T}", row.actor or "", row.reason]
            for row in rows
        ],
    }  # fmt: skip


def _audit_table(rows: "QuerySet[AuditEntry]") -> Table:
    return {
        "headers": ["Deed", "At", "By", "Reason"],
        "rows": [[row.action, f"{row.at:%F %T}", row.actor or "", row.reason] for row in rows],
    }
