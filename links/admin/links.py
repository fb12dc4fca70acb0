"""Links. Every write goes through links.services, so that the redirect hears of it and the history
of targets is kept."""

from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.models import User
from links import services
from links.admin.base import ServiceAdmin, ServiceForm
from links.admin.clicks import clicks_view, may_see_clicks
from links.models import Link, TargetChange
from links.services import LinkFields
from links.states import LinkState, state_of

_TONES = {"good": "success", "info": "info", "quiet": "", "warn": "warning", "bad": "danger"}
_LONGEST_TARGET = 60
_ROWS = {"url": 2, "expired_url": 2, "tags": 1, "utm": 2, "rules": 4, "variants": 4}


class TargetChangeInline(TabularInline):
    model = TargetChange
    verbose_name_plural = "targets so far"
    fields = readonly_fields = ["at", "url", "changed_by"]
    extra = 0
    per_page = 20
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[TargetChange]:
        changes = super().get_queryset(request).select_related("changed_by")
        return cast("QuerySet[TargetChange]", changes)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        del request, obj
        return False


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        del request, model_admin
        return [(state.name.lower(), state.label) for state in LinkState]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Link]) -> QuerySet[Link]:
        del request
        now, live = timezone.now(), Q(deleted_at=None)
        started = live & (Q(starts_at=None) | Q(starts_at__lte=now))
        running = started & (Q(expires_at=None) | Q(expires_at__gt=now))
        used_up = Q(max_clicks__isnull=False, allowance__admitted__gte=F("max_clicks"))
        conditions = {
            "active": running & ~used_up,
            "scheduled": live & Q(starts_at__gt=now),
            "ended": started & Q(expires_at__lte=now),
            "used_up": running & used_up,
            "deleted": Q(deleted_at__isnull=False),
        }
        return queryset.filter(conditions.get(str(self.value()), Q()))


def _count_field() -> forms.IntegerField:
    return forms.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, widget=UnfoldAdminIntegerFieldWidget
    )


class LinkForm(ServiceForm):
    domain = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)
    slug = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Without one, seven characters are generated.",
    )
    max_clicks = _count_field()
    max_clicks_per_minute = _count_field()
    password = forms.CharField(
        required=False,
        strip=False,
        max_length=256,
        widget=UnfoldAdminPasswordWidget({"autocomplete": "new-password"}),
        help_text="Only to set a new one.",
    )
    remove_password = forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            # What was shown is sent along: `changes` compares with that, and undoes nothing else.
            field.show_hidden_initial = True
        # A tombstone, and a link that is only looked at, have no fields at all.
        for name in self.fields.keys() & _ROWS.keys():
            self.fields[name].widget.attrs["rows"] = _ROWS[name]
        if "domain" in self.fields:
            domains = [("", settings.PUBLIC_URL), *((name, name) for name in settings.LINK_DOMAINS)]
            cast("forms.ChoiceField", self.fields["domain"]).choices = domains

    def clean(self) -> None:
        super().clean()
        campaign = self.cleaned_data.get("campaign")
        owner = self.cleaned_data.get("owner") or getattr(self.instance, "owner", None)
        if campaign and campaign.owner != owner:
            self.add_error("campaign", "This is a campaign of somebody else.")

    def changes(self) -> LinkFields:
        """What the service is to be given: only what was changed."""
        names = set(self.changed_data) & LinkFields.__annotations__.keys() - {"password"}
        values = {name: self.cleaned_data[name] for name in names}
        for name, nothing in (("rules", []), ("variants", []), ("utm", {})):
            if name in names:  # a JSON field that was emptied gives None
                values[name] = values[name] or nothing
        if self.cleaned_data["remove_password"]:
            values["password"] = ""
        elif self.cleaned_data["password"]:
            values["password"] = self.cleaned_data["password"]
        return cast("LinkFields", values)


@admin.register(Link)
class LinkAdmin(ServiceAdmin):
    form = LinkForm
    inlines = [TargetChangeInline]
    list_display = ["address", "owner", "target", "click_count", "state", "created_at"]
    list_filter = [StateFilter, "redirect_status", "created_at"]
    list_select_related = ["owner", "allowance"]
    search_fields = ["slug", "title", "url", "owner__username", "=public_id"]
    ordering = ["-created_at", "-pk"]
    show_full_result_count = False
    autocomplete_fields = ["owner", "campaign"]
    actions_detail = ["show_clicks"]
    fieldsets = [
        (None, {"fields": ["owner", ("domain", "slug"), "url", "title", "description", "tags"]}),
        ("Counted", {"fields": [("click_count", "last_clicked_at"), ("public_id", "version")]}),
        (
            "When it works",
            {
                "fields": [
                    "starts_at",
                    "expires_at",
                    "expired_url",
                    ("max_clicks", "max_clicks_per_minute"),
                ]
            },
        ),
        ("Who may follow it", {"fields": ["password", "remove_password", "crawlable"]}),
        (
            "How it sends on",
            {"fields": ["redirect_status", "forward_query", "utm", "rules", "variants"]},
        ),
        ("Belongs to", {"fields": ["campaign"]}),
        ("Dates", {"fields": [("created_at", "updated_at"), "deleted_at"]}),
    ]
    # The redirect and the drain write these, and the services.
    _NEVER_TYPED = [
        "public_id",
        "click_count",
        "last_clicked_at",
        "version",
        "created_at",
        "updated_at",
        "deleted_at",
    ]

    @display(description="short address", ordering="slug")
    def address(self, link: Link) -> str:
        return link.short_url.partition("://")[2]

    @display(description="target", ordering="url")
    def target(self, link: Link) -> str:
        return link.url if len(link.url) <= _LONGEST_TARGET else f"{link.url[:_LONGEST_TARGET]}…"

    @display(label={state.label: _TONES[state.tone] for state in LinkState})
    def state(self, link: Link) -> str:
        return state_of(link).label

    def get_readonly_fields(self, request: HttpRequest, obj: Link | None = None) -> list[str]:
        del request
        return [*self._NEVER_TYPED, "owner", "domain", "slug"] if obj else self._NEVER_TYPED

    def get_fieldsets(self, request: HttpRequest, obj: Link | None = None) -> Any:
        shown = super().get_fieldsets(request, obj)
        return shown if obj else [part for part in shown if part[0] not in {"Counted", "Dates"}]

    def has_change_permission(self, request: HttpRequest, obj: Link | None = None) -> bool:
        """A tombstone stays as it is."""
        alive = obj is None or obj.deleted_at is None
        return alive and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Link | None = None) -> bool:
        alive = obj is None or obj.deleted_at is None
        return alive and bool(super().has_delete_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: Link, form: Any, change: bool) -> None:  # noqa: FBT001
        changes: LinkFields = form.changes()
        if not change:
            chosen = {name: form.cleaned_data[name] for name in ("owner", "slug", "domain")}
            made = services.create_link(**chosen, **changes)
            obj.pk, obj.slug = made.pk, made.slug
        elif changes:
            services.update_link(link=obj, changed_by=cast("User", request.user), **changes)

    def delete_model(self, request: HttpRequest, obj: Link) -> None:
        del request
        services.delete_link(link=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Link]) -> None:
        for link in queryset:
            self.delete_model(request, link)

    def get_deleted_objects(self, objs: Iterable[Link], request: HttpRequest) -> Any:
        """Nothing goes with a link, and the link itself stays as a tombstone."""
        del request
        names = [self.address(link) for link in objs]
        return names, {"links": len(names)}, set(), []

    def get_urls(self) -> list[URLPattern]:
        """Clicks have no admin of their own: links.admin.clicks says why."""
        clicks = self.admin_site.admin_view(clicks_view)
        page = path("clicks/", clicks, {"link_admin": self}, name="links_link_clicks")
        return [page, *super().get_urls()]

    def has_view_clicks_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A method, because unfold looks for the names of permissions in the database, in a system
        check: no command would run before the first migration."""
        del obj
        return may_see_clicks(request)

    @action(description="Its clicks", permissions=["view_clicks"], url_path="its-clicks")
    def show_clicks(self, request: HttpRequest, object_id: int) -> HttpResponse:
        link = self.get_object(request, str(object_id))
        query = urlencode({"slug": link.slug if link else ""})
        return redirect(f"{reverse('admin:links_link_clicks')}?{query}")
