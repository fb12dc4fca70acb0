"""The review queue: one proof after the other, and the evidence of all kinds to look up."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.operating import ReadOnlyAdmin, demand, operator
from monitoring.wire.problems import Problem
from quests import reviews
from quests.admin.pages import render_page
from quests.models import Evidence, Proof

_TONES = {
    "verified": "success",
    "pending": "warning",
    "rejected": "danger",
    "withdrawn": "danger",
}
_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}
_LONGEST_SOURCE = 24
# Past this many, the number that waits is not worth counting on every page.
_MOST_COUNTED = 100


class DecisionForm(forms.Form):
    version = forms.IntegerField(widget=forms.HiddenInput)
    note = forms.CharField(
        label="Note for the player",
        required=False,
        max_length=500,
        help_text="Needed to reject.",
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
    )


@admin.register(Evidence)
class EvidenceAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "player", "quest", "step", "kind", "shown_state", "source"]
    list_filter = ["state", "kind", "created_at", "quest"]
    list_select_related = ["player", "quest"]
    search_fields = [
        "player__username",
        "=player__wallets__address",
        "=public_id",
        "=source_id",
        "=quest__number",
    ]
    ordering = ["-created_at", "-pk"]
    show_full_result_count = False
    fields = [
        "player", "quest", "step", "period", "kind", "state", "source_id", "payload",
        "occurred_at", "created_at", "completion", "reviewed_by", "reviewed_at", "review_note",
        "public_id",
    ]  # fmt: skip
    readonly_fields = fields

    @display(description="state", ordering="state", label=_TONES)
    def shown_state(self, evidence: Evidence) -> tuple[str, str]:
        return evidence.state, evidence.get_state_display()

    @display(description="source", ordering="source_id")
    def source(self, evidence: Evidence) -> str:
        """What the fact is called where it comes from: a click's id, a minute, a message."""
        shown = evidence.source_id
        return shown if len(shown) <= _LONGEST_SOURCE else f"{shown[:_LONGEST_SOURCE]}…"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        pages = [
            path("review/", view(self.review), name="quests_evidence_review"),
            path("<uuid:public_id>/image", view(image), name="quests_evidence_image"),
        ]
        return [*pages, *super().get_urls()]

    def review(self, request: HttpRequest) -> HttpResponse:
        demand(request, "quests.view_evidence")
        if request.method == "POST":
            demand(request, "quests.change_evidence")
            return _decide(request, self)
        return _show(request, self, _current(request.GET.get("at", "")))


def image(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Downloaded, never shown: a file from somebody else gets no page of ours to run in."""
    demand(request, "quests.view_evidence")
    proof = Proof.objects.filter(evidence__public_id=public_id).first()
    if proof is None or proof.image is None:
        raise Http404
    suffix = _SUFFIXES.get(proof.content_type, "bin")
    return HttpResponse(
        bytes(proof.image),
        content_type=proof.content_type if suffix != "bin" else "application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="{public_id}.{suffix}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )


def waiting_badge() -> str:
    """For the sidebar: read off the queue's own index, and no further than worth knowing."""
    count = Evidence.objects.filter(state=Evidence.State.PENDING)[: _MOST_COUNTED + 1].count()
    return f"{_MOST_COUNTED}+" if count > _MOST_COUNTED else str(count or "")


def _decide(request: HttpRequest, model_admin: Any) -> HttpResponse:
    evidence = _find(request.POST.get("evidence", ""))
    if evidence is None:
        raise Http404
    form = DecisionForm(request.POST)
    if form.is_valid():
        # Looked up before: once decided, it stands in no queue.
        following = _neighbour(evidence, forwards=True) or _neighbour(evidence, forwards=False)
        try:
            _act(request, evidence, form)
        except Problem as problem:
            if problem.code == "already_reviewed":
                messages.error(request, str(problem.detail))
                return redirect(_address(following))
            form.add_error("note" if problem.code == "reason_needed" else None, str(problem.detail))
        else:
            return redirect(_address(following))
    return _show(request, model_admin, _find(str(evidence.public_id)), form)


def _act(request: HttpRequest, evidence: Evidence, form: DecisionForm) -> None:
    given = {
        "evidence": evidence,
        "actor": operator(request),
        "note": form.cleaned_data["note"],
        "expected_version": form.cleaned_data["version"],
    }
    if request.POST.get("decision") == "approve":
        reviews.approve(**given)
        messages.success(request, f"Approved: {evidence.player}, {evidence.quest}.")
    else:
        reviews.reject(**given)
        messages.success(request, f"Rejected: {evidence.player}, {evidence.quest}.")


def _show(
    request: HttpRequest, model_admin: Any, evidence: Evidence | None, form: Any = None
) -> HttpResponse:
    context: dict[str, Any] = {"evidence": evidence, "waiting": waiting_badge() or "0"}
    if evidence:
        context |= {
            "form": form or DecisionForm(initial={"version": evidence.version}),
            "proof": getattr(evidence, "proof", None),
            "step": evidence.quest.requirements.filter(key=evidence.step).first(),
            "may_decide": request.user.has_perm("quests.change_evidence"),
            "following": _link(_neighbour(evidence, forwards=True)),
            "previous": _link(_neighbour(evidence, forwards=False)),
        }
    return render_page(request, model_admin, "review", "Review queue", **context)


def _current(wanted: str) -> Evidence | None:
    """The one asked for, as long as it waits; else the one that has waited longest."""
    found = _find(wanted) if wanted else None
    if found and found.state == Evidence.State.PENDING:
        return found
    return reviews.waiting().first()


def _find(public_id: str) -> Evidence | None:
    try:
        wanted = UUID(public_id)
    except ValueError:
        return None
    rows = Evidence.objects.select_related(
        "player", "quest", "proof", "proof__duplicate_of__player"
    )
    return rows.defer("proof__image").filter(public_id=wanted).first()


def _neighbour(evidence: Evidence, *, forwards: bool) -> Evidence | None:
    """Who stands behind or before it in the queue, in the queue's order."""
    queue: QuerySet[Evidence] = reviews.waiting().exclude(pk=evidence.pk)
    at, pk = evidence.created_at, evidence.pk
    if forwards:
        return queue.filter(Q(created_at__gt=at) | Q(created_at=at, pk__gt=pk)).first()
    return queue.filter(Q(created_at__lt=at) | Q(created_at=at, pk__lt=pk)).last()


def _link(evidence: Evidence | None) -> str:
    return _address(evidence) if evidence else ""


def _address(evidence: Evidence | None) -> str:
    page = reverse("admin:quests_evidence_review")
    return f"{page}?at={evidence.public_id}" if evidence else page
