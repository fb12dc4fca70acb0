"""Seasons: made, changed, and closed once; then their ranks stand."""

from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.admin import TabularInline
from unfold.decorators import action, display

from accounts.operating import operator, try_each
from links.admin.base import ServiceAdmin, ServiceForm
from quests.admin.pages import ReasonForm, render_page
from quests.authoring.seasons import FIELDS, create_season, update_season
from quests.authoring.services import close_season
from quests.models import Season, SeasonRank

_CLOSING = (
    "The ranks stand from then on as they are now. XP of its quests that comes later counts on the "
    "overall board alone. A closed season cannot be opened again."
)


class RankInline(TabularInline):
    """What the season ended with: nobody's to edit."""

    model = SeasonRank
    verbose_name_plural = "final ranks"
    fields = readonly_fields = ["rank", "player", "paid", "completions"]
    hide_title = True
    ordering = ["rank"]
    extra = 0
    per_page = 50
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[SeasonRank]:
        ranks = super().get_queryset(request).select_related("player")
        return cast("QuerySet[SeasonRank]", ranks)

    @display(description="XP")
    def paid(self, rank: SeasonRank) -> str:
        return f"{rank.xp:,}"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may see the season may see how it ended."""
        del obj
        return bool(request.user.has_perm("quests.view_season"))


class SeasonForm(ServiceForm):
    def clean(self) -> None:
        """A season's own checks are the model's, in words for people."""
        super().clean()
        starts, ends = self.cleaned_data.get("starts_at"), self.cleaned_data.get("ends_at")
        if starts and ends and ends <= starts:
            self.add_error("ends_at", "A season ends after it starts.")
        slug = self.cleaned_data.get("slug")
        if slug and Season.objects.filter(slug=slug).exclude(pk=self.instance.pk).exists():
            self.add_error("slug", ValidationError("This is taken.", code="unique"))


@admin.register(Season)
class SeasonAdmin(ServiceAdmin):
    form = SeasonForm
    list_display = ["name", "slug", "state", "quest_count", "starts_at", "ends_at", "closed_at"]
    list_filter = ["closed_at"]
    search_fields = ["name", "slug"]
    fields = ["name", "slug", "description", "starts_at", "ends_at"]
    actions_detail = ["close"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Season]:
        counted = super().get_queryset(request).annotate(number_of_quests=Count("quests"))
        return cast("QuerySet[Season]", counted)

    @display(label={"open": "success", "closed": ""})
    def state(self, season: Season) -> str:
        return "closed" if season.closed_at else "open"

    @display(description="quests", ordering="number_of_quests")
    def quest_count(self, season: Any) -> int:
        return int(season.number_of_quests)

    def get_fields(self, request: HttpRequest, obj: Season | None = None) -> list[str]:
        del request
        return [*FIELDS, "slug", "closed_at"] if obj else ["name", "slug", *FIELDS[1:]]

    def get_readonly_fields(self, request: HttpRequest, obj: Season | None = None) -> list[str]:
        del request
        return ["slug", "closed_at"] if obj else []

    def get_inlines(self, request: HttpRequest, obj: Season | None = None) -> list[Any]:
        del request
        return [RankInline] if obj and obj.closed_at else []

    def has_change_permission(self, request: HttpRequest, obj: Season | None = None) -> bool:
        """A closed one stays as it is."""
        is_open = not isinstance(obj, Season) or obj.closed_at is None
        return is_open and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Season | None = None) -> bool:
        del request, obj
        return False

    def save_model(self, request: HttpRequest, obj: Season, form: Any, change: bool) -> None:  # noqa: FBT001
        actor = operator(request)
        if change:
            fields = {name: form.cleaned_data[name] for name in FIELDS}
            update_season(season=obj, actor=actor, fields=fields)
        else:
            obj.pk = create_season(actor=actor, **form.cleaned_data).pk

    def has_close_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """unfold gives the id, and asks for the button as well as for the page."""
        season = self.get_object(request, str(obj))
        return season is not None and self.has_change_permission(request, season)

    @action(description="Close", url_path="close", permissions=["close"])
    def close(self, request: HttpRequest, object_id: str) -> HttpResponse:
        season = Season.objects.get(pk=object_id)
        form = ReasonForm(request.POST or None)
        if form.is_valid():
            reason = form.cleaned_data["reason"]

            def end(row: Season) -> None:
                close_season(season=row, actor=operator(request), reason=reason)

            try_each(request, [season], end, "season closed")
            return redirect(reverse("admin:quests_season_change", args=[season.pk]))
        asked = {"form": form, "rows": [season], "notes": [_CLOSING], "verb": "Close the season"}
        back = reverse("admin:quests_season_change", args=[season.pk])
        return render_page(request, self, "reason", f"Close {season}", back=back, **asked)
