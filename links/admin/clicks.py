"""Clicks and the accounts about them: looked at, never edited.

Django's admin takes no model with a composite primary key, which is what a partitioned table has,
so the clicks have a page of their own below the links.
"""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import F, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Concat
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from redis.exceptions import RedisError
from unfold.decorators import display

from accounts.operating import ReadOnlyAdmin
from links.clicks.newest import newest_clicks
from links.health import stream_lag
from links.models import Click, ClickIssuer, ClickStream, Link, MarkedClick, OrphanSlug

PAGE_SIZE = 100
_WHO = {"people": False, "bots": True}
_HEADERS = ["Time", "Link", "Who", "With", "Country", "Language", "From", "Led to"]


def may_see_clicks(request: HttpRequest) -> bool:
    return request.user.has_perm("links.view_click")


def clicks_view(request: HttpRequest, link_admin: Any) -> HttpResponse:
    if not may_see_clicks(request):
        raise PermissionDenied
    wanted = {name: request.GET.get(name, "")[:128] for name in ("slug", "who", "before")}
    found = newest_clicks(
        slug=wanted["slug"], bots=_WHO.get(wanted["who"]), before=wanted["before"]
    )
    clicks = list(found[: PAGE_SIZE + 1])
    context = {
        **link_admin.admin_site.each_context(request),
        "title": "Clicks",
        "wanted": wanted,
        "table": {"headers": _HEADERS, "rows": _rows(clicks[:PAGE_SIZE])},
        "older": clicks[PAGE_SIZE - 1].event_id if len(clicks) > PAGE_SIZE else None,
    }
    return TemplateResponse(request, "admin/links/clicks.html", context)


def _rows(clicks: list[Click]) -> list[list[str]]:
    links = Link.objects.in_bulk({click.link_id for click in clicks})
    return [_row(click, links.get(click.link_id)) for click in clicks]


def _row(click: Click, link: Link | None) -> list[str]:
    return [
        format_html('<span class="whitespace-nowrap">{}</span>', f"{click.at:%F %T}"),
        _to_link(link.pk, str(link)) if link else str(click.link_id),
        "bot" if click.is_bot else "person",
        ", ".join(filter(None, (click.device, click.browser, click.os))),
        click.country,
        click.language,
        click.referrer,
        click.rule or click.variant,
    ]


def _to_link(link_id: int, name: str) -> str:
    return format_html(
        '<a class="break-words text-primary-600 dark:text-primary-500" href="{}">{}</a>',
        reverse("admin:links_link_change", args=[link_id]),
        name,
    )


@admin.register(MarkedClick)
class MarkedClickAdmin(ReadOnlyAdmin):
    """Whose personal address was opened, and what became of the click."""

    list_display = ["at", "subject", "led_by", "outcome"]
    list_filter = ["outcome", "at"]
    search_fields = ["=subject"]
    search_help_text = "The whole subject, as those call it who gave the address."
    ordering = ["-at", "-pk"]
    show_full_result_count = False
    fields = readonly_fields = ["at", "event_id", "subject", "led_by", "outcome"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[MarkedClick]:
        """With the links' names in the same query: a click outlives its link, so none is joined."""
        link = Link.objects.filter(pk=OuterRef("link_id"))
        name = link.values_list(Concat("domain", Value("/"), "slug"))
        clicks: QuerySet[MarkedClick] = super().get_queryset(request)
        return clicks.annotate(link_name=Subquery(name))

    @display(description="link")
    def led_by(self, click: MarkedClick) -> str:
        name: str | None = getattr(click, "link_name", None)
        return _to_link(click.link_id, name) if name else str(click.link_id)


@admin.register(OrphanSlug)
class OrphanSlugAdmin(ReadOnlyAdmin):
    list_display = ["slug", "domain", "hits", "first_seen", "last_seen"]
    list_filter = ["domain", "last_seen"]
    search_fields = ["slug"]
    ordering = ["-hits", "slug"]


@admin.register(ClickIssuer)
class ClickIssuerAdmin(ReadOnlyAdmin):
    """E1: whatever a web process issued has been stored, dropped for a reason, or still waits."""

    list_display = ["issuer", "issued", "stored", "dropped", "waiting", "first_seen", "last_seen"]
    list_filter = ["last_seen"]
    ordering = ["-last_seen"]

    @display(ordering=F("issued") - F("stored") - F("dropped"))
    def waiting(self, issuer: ClickIssuer) -> int:
        return issuer.issued - issuer.stored - issuer.dropped


@admin.register(ClickStream)
class ClickStreamAdmin(ReadOnlyAdmin):
    list_display = ["name", "last_id", "drained_at", "behind"]

    @display(description="waiting just now")
    def behind(self, stream: ClickStream) -> str:
        try:
            batches, seconds = stream_lag(stream.name)
        except (OSError, RedisError):
            return "Redis does not answer"
        return f"{batches:,} batches, the oldest for {seconds:.0f} s" if batches else "nothing"
