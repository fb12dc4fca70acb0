"""Quests. Each save is a whole document, through quests.authoring.services."""

from collections.abc import Iterable
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST
from unfold.decorators import action, display

from accounts.operating import demand, operator, to_page, try_each
from links.admin.base import ServiceAdmin
from monitoring.wire.problems import Problem
from quests.admin.pages import render_page
from quests.admin.quest_form import QuestForm, duplicate_of, kinds_help
from quests.admin.statistics import statistics_page
from quests.admin.trying import try_page
from quests.admin.versions import versions_of
from quests.authoring import services
from quests.authoring.document import document_of
from quests.markdown import render_within_page
from quests.models import Completion, Quest, QuotaSlot

_STATUS = {"draft": "", "published": "success", "closed": "warning"}
_BUTTONS = {
    "quests_quest_save_and_publish": Quest.Status.PUBLISHED,
    "quests_quest_save_and_close": Quest.Status.CLOSED,
}


@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    demand(request, "quests.view_quest")
    return HttpResponse(render_within_page(request.POST.get("text", "")))


@admin.register(Quest)
class QuestAdmin(ServiceAdmin):
    form = QuestForm
    change_form_template = "admin/quests/quest/change_form.html"
    list_display = [
        "number", "title", "season", "category", "shown_status", "pays", "done", "places",
        "window",
    ]  # fmt: skip
    list_display_links = ["number", "title"]
    list_filter = ["status", "season", "recurrence", "hold_completions", "category"]
    list_select_related = ["season"]
    search_fields = ["=number", "title", "description", "category"]
    ordering = ["number"]
    actions = ["publish", "close", "duplicate"]
    actions_detail = ["statistics", "try_change", "versions"]
    actions_submit_line = ["save_and_publish", "save_and_close"]
    fieldsets = [
        (None, {"fields": ["number", "title", "description", ("category", "estimated_time")]}),
        ("Pays", {"fields": [("xp_reward", "season"), "hold_completions"]}),
        ("Content", {"fields": ["content"]}),
        (
            "When, and for how many",
            {
                "fields": [
                    "starts_at",
                    "ends_at",
                    ("quota", "cooldown_seconds"),
                    ("recurrence", "period_zone"),
                    "announce_room",
                ]
            },
        ),
        ("Builds on", {"fields": ["prerequisites"]}),
    ]

    class Media:
        js = ["rallypoint/preview.js", "rallypoint/steps.js"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Quest]:
        """The figures by subqueries: only the page's own rows are counted."""
        done = Completion.objects.filter(quest=OuterRef("pk")).exclude(status="reversed")
        free = QuotaSlot.objects.filter(quest=OuterRef("pk"), completion=None)
        figures = {
            name: Coalesce(
                Subquery(rows.order_by().values("quest").annotate(n=Count("pk")).values("n")),
                Value(0),
            )
            for name, rows in (("completed", done), ("free", free))
        }
        return cast("QuerySet[Quest]", super().get_queryset(request).annotate(**figures))

    @display(description="status", ordering="status", label=_STATUS)
    def shown_status(self, quest: Quest) -> tuple[str, str]:
        return quest.status, quest.get_status_display()

    @display(description="XP", ordering="xp_reward")
    def pays(self, quest: Quest) -> str:
        return f"{quest.xp_reward:,}"

    @display(description="completions", ordering="completed")
    def done(self, quest: Any) -> str:
        return to_page(reverse("admin:quests_quest_statistics", args=[quest.pk]), quest.completed)

    @display(description="places left", ordering="free")
    def places(self, quest: Any) -> str:
        if not quest.quota:
            return "no limit"
        left = quest.quota if quest.status == Quest.Status.DRAFT else quest.free
        return f"{left:,} of {quest.quota:,}"

    @display(ordering=F("starts_at").asc(nulls_first=True))
    def window(self, quest: Quest) -> str:
        if not (quest.starts_at or quest.ends_at):
            return "always"
        bounds = (f"{at:%F %H:%M}" if at else "…" for at in (quest.starts_at, quest.ends_at))
        # In one element: on a phone, a cell lays out its parts side by side.
        return format_html('<span class="rp-window">{} to<br>{}</span>', *bounds)

    def get_readonly_fields(self, request: HttpRequest, obj: Quest | None = None) -> list[str]:
        del request
        return ["number"] if obj else []

    def get_urls(self) -> list[URLPattern]:
        page = path("preview/", self.admin_site.admin_view(preview), name="quests_quest_preview")
        return [page, *super().get_urls()]

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> type[QuestForm]:
        form = super().get_form(request, *args, **kwargs)
        pressed = next((_BUTTONS[name] for name in _BUTTONS if name in request.POST), "")
        return cast("type[QuestForm]", type(form.__name__, (form,), {"wanted_status": pressed}))

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        context["kinds_help"] = list(kinds_help())
        context["show_save_and_add_another"] = False
        return super().render_change_form(request, context, *args, **kwargs)

    def has_publish_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """unfold gives the id, and asks for each button and once more when it is pressed."""
        return self._can_become(Quest.Status.PUBLISHED, request, obj)

    def has_close_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._can_become(Quest.Status.CLOSED, request, obj)

    def _can_become(self, status: Quest.Status, request: HttpRequest, quest_id: Any) -> bool:
        quest = self.get_object(request, str(quest_id))
        is_other = quest is not None and quest.status != status
        return is_other and self.has_change_permission(request, quest)

    @action(description="Save and publish", permissions=["publish"])
    def save_and_publish(self, request: HttpRequest, quest: Quest) -> None:
        """A button: `get_form` tells the form that it was pressed: one save, one version."""

    @action(description="Save and close the quest", permissions=["close"])
    def save_and_close(self, request: HttpRequest, quest: Quest) -> None:
        """A button, as above."""

    def save_model(self, request: HttpRequest, obj: Quest, form: Any, change: bool) -> None:  # noqa: FBT001
        actor = operator(request)
        if change:
            services.update_quest(
                quest=obj,
                document=form.document(),
                actor=actor,
                expected_version=form.cleaned_data["expected_version"] or 0,
            )
        else:
            made = services.create_quest(document=form.document(), actor=actor)
            obj.pk, obj.number = made.pk, made.number

    # --- What becomes of it -----------------------------------------------------------------------

    def has_delete_permission(self, request: HttpRequest, obj: Quest | None = None) -> bool:
        """What players have seen is closed, not deleted."""
        is_draft = obj is None or obj.status == Quest.Status.DRAFT
        return is_draft and bool(super().has_delete_permission(request, obj))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def get_deleted_objects(self, objs: Iterable[Quest], request: HttpRequest) -> Any:
        """What goes with a draft was typed with it; nobody asks for permissions of that."""
        del request
        names = [str(quest) for quest in objs]
        return names, {"quests": len(names)}, set(), []

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except Problem as problem:
            messages.error(request, str(problem.detail))
            return redirect(reverse("admin:quests_quest_change", args=[object_id]))

    def delete_model(self, request: HttpRequest, obj: Quest) -> None:
        services.delete_draft(quest=obj, actor=operator(request))

    @admin.action(description="Publish", permissions=["change"])
    def publish(self, request: HttpRequest, quests: QuerySet[Quest]) -> None:
        self._change_status(request, quests, Quest.Status.PUBLISHED, "published")

    @admin.action(description="Close", permissions=["change"])
    def close(self, request: HttpRequest, quests: QuerySet[Quest]) -> None:
        self._change_status(request, quests, Quest.Status.CLOSED, "closed")

    def _change_status(
        self, request: HttpRequest, quests: QuerySet[Quest], status: Quest.Status, done: str
    ) -> None:
        def change(quest: Quest) -> None:
            services.change_status(quest=quest, status=status, actor=operator(request))

        try_each(request, list(quests.filter(~Q(status=status))), change, done)

    @admin.action(description="Duplicate as draft", permissions=["add"])
    def duplicate(self, request: HttpRequest, quests: QuerySet[Quest]) -> None:
        def copy(quest: Quest) -> None:
            document = duplicate_of(document_of(quest))
            services.create_quest(document=document, actor=operator(request))

        try_each(request, list(quests), copy, "made, as drafts")

    @action(description="Try a change", url_path="try", permissions=["change"])
    def try_change(self, request: HttpRequest, object_id: str) -> HttpResponse:
        quest = get_object_or_404(Quest, pk=object_id)
        return try_page(request, self, quest)

    @action(description="Statistics", url_path="statistics", permissions=["view"])
    def statistics(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return statistics_page(request, self, get_object_or_404(Quest, pk=object_id))

    @action(description="Versions", url_path="versions", permissions=["view"])
    def versions(self, request: HttpRequest, object_id: str) -> HttpResponse:
        quest = self.get_object(request, object_id)
        if quest is None:
            return cast(
                "HttpResponse", self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            )
        title = f"Versions of {quest}"
        versions = versions_of(quest)
        return render_page(request, self, "versions", title, quest=quest, versions=versions)
