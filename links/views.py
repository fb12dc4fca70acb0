"""The pages of links' owners: parse, call one service or selector, render.

Everything is the signed-in person's own: a link of somebody else is not there (404).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db import DEFAULT_DB_ALIAS
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods, require_safe

from accounts.throttling import limit_caller
from links import charts, selectors, services
from links.access import own_link, person
from links.clicks import statistics
from links.clicks.statistics import Period
from links.editor.trial import TrialForm
from links.forms import CreateLinkForm, FilterForm, QrForm, show_problem
from links.models import Click, Dimension, Link
from links.periods import PeriodForm, zone_in
from links.qr import png_edge, qr_svg
from links.states import state_of
from monitoring.postgresql.replicas import read_aged
from monitoring.wire.casing import camel
from monitoring.wire.problems import Problem

PAGE_SIZE = 25
RECENT_CLICKS = 20
# (dimension, title, what stands for ""): variants and rules come first, because only links that
# use them have any.
_BREAKDOWNS = (
    (Dimension.VARIANT, "Variants", "No variant"),
    (Dimension.RULE, "Rules", "No rule"),
    (Dimension.REFERRER, "Referrers", "Direct"),
    (Dimension.COUNTRY, "Countries", "Unknown"),
    (Dimension.DEVICE, "Devices", "Unknown"),
    (Dimension.BROWSER, "Browsers", "Unknown"),
    (Dimension.OS, "Systems", "Unknown"),
    (Dimension.LANGUAGE, "Languages", "Unknown"),
)
_OPTIONAL = {Dimension.VARIANT, Dimension.RULE}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def link_list(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _list_page(request, CreateLinkForm(auto_id="new_%s"))
    form = CreateLinkForm(request.POST, auto_id="new_%s")
    if form.is_valid():
        try:
            limit_caller(request, "shorten")
            link = services.create_link(owner=person(request), **form.cleaned_data)
        except Problem as problem:
            show_problem(form, problem)
        else:
            return redirect(f"{reverse('links:list')}?created={link.public_id}")
    return _list_page(request, form, status=400)


# Lists of zones and clicks: 70 kB are 10. Django pads at random, so that lengths tell nothing.
@gzip_page
@login_required
@require_safe
def link_page(request: HttpRequest, public_id: UUID) -> HttpResponse:
    link = own_link(request, public_id)
    form = PeriodForm(request.GET)
    with timezone.override(form.zone):
        period = form.read(timezone.now())
        figures = read_aged(lambda using: _figures(link, period, using), by=link.owner_id)
        return render(
            request,
            "links/detail.html",
            {
                "link": link,
                "state": state_of(link),
                "form": form,
                "tz": form.zone.key,
                "trial": TrialForm(),
                "clicks": _latest_clicks(link),
                "history": link.target_changes.select_related("changed_by")[:PAGE_SIZE],
                **figures,
            },
        )


@login_required
@require_safe
def click_feed(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The latest clicks and the figures, for a page that is open; 204 while nothing has changed.

    `after` is the number of clicks that the page knows of. Clicks may arrive late and out of order
    (a spool that is replayed), so a place in their order would miss some; the number misses none.
    """
    link = own_link(request, public_id)
    if request.GET.get("after") == str(link.click_count):
        return HttpResponse(status=204)
    form = PeriodForm(request.GET)
    with timezone.override(form.zone):
        totals = statistics.totals([link.pk], form.read(timezone.now()))
        rows = render_to_string("links/parts/click_rows.html", {"clicks": _latest_clicks(link)})
    figures = {name: f"{getattr(totals, name):,}" for name in ("humans", "visitors", "bots")}
    return JsonResponse({
        "after": str(link.click_count),
        "figures": figures | {"clicks": f"{totals.clicks:,}", "ever": f"{link.click_count:,}"},
        "rows": rows,
    })  # fmt: skip


@login_required
@require_safe
def trial_page(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """What the link does with a visitor made up, at an address that can be passed on."""
    link = own_link(request, public_id)
    zone = zone_in(request.GET)
    with timezone.override(zone):
        form = TrialForm(request.GET or None)
        verdict = form.verdict(link) if form.is_valid() else None
        context = {"link": link, "trial": form, "verdict": verdict, "tz": zone.key}
        return render(request, "links/trial.html", context, status=400 if form.errors else 200)


@login_required
@require_safe
def qr_page(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The picture, and a choice of sizes to download; the API draws both."""
    link = own_link(request, public_id)
    form = QrForm(request.GET or None)
    options = form.options()
    code = qr_svg(link.short_url, **options).decode()
    return render(
        request,
        "links/qr.html",
        {
            "link": link,
            "form": form,
            "picture": f"data:image/svg+xml,{quote(code)}",
            "query": urlencode({camel(name): value for name, value in options.items()}),
            "pixels": png_edge(link.short_url, **options),
        },
        status=400 if form.errors else 200,
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete_link(request: HttpRequest, public_id: UUID) -> HttpResponse:
    link = own_link(request, public_id)
    if request.method == "POST":
        services.delete_link(link=link)
        messages.success(request, f"{link.short_url} is deleted.")
        return redirect("links:list")
    return render(request, "links/delete.html", {"link": link})


def _latest_clicks(link: Link) -> QuerySet[Click]:
    return Click.objects.filter(link_id=link.pk).order_by("-at", "-event_id")[:RECENT_CLICKS]


def _list_page(request: HttpRequest, form: CreateLinkForm, status: int = 200) -> HttpResponse:
    filters = FilterForm(request.GET, auto_id="filter_%s")
    search, tag, order = filters.read()
    links = selectors.links_of(person(request)).select_related("allowance")
    found = selectors.filter_links(links, search=search, tag=tag, campaign=None)
    page = Paginator(found.order_by(order, "-pk"), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "filters": filters,
        "page": page,
        "rows": [(link, state_of(link)) for link in page.object_list],
        "created": _just_created(request, links),
        "short_prefix": f"{urlsplit(settings.PUBLIC_URL).netloc}/",
    }
    return render(request, "links/list.html", context, status=status)


def _just_created(request: HttpRequest, links: QuerySet[Link]) -> Link | None:
    """The link that the answer to the form sent its maker here with."""
    try:
        return links.filter(public_id=UUID(request.GET["created"])).first()
    except (KeyError, ValueError):
        return None


def _figures(link: Link, period: Period, using: str) -> dict[str, Any]:
    """From a replica, the link's number of clicks comes along, and before the figures: by it the
    open page asks what is newer."""
    if using != DEFAULT_DB_ALIAS:
        known = Link.objects.using(using).filter(pk=link.pk).values_list("click_count", flat=True)
        link.click_count = next(iter(known), link.click_count)
    interval = statistics.fitting_interval(period)
    series = statistics.series([link.pk], period, interval, using=using)
    return {
        "period": period,
        "last_moment": period.end - timedelta(minutes=1),
        "interval": interval,
        "totals": statistics.totals([link.pk], period, using=using),
        "chart": charts.time_chart(series, interval),
        "breakdowns": list(_breakdowns(link, period, using)),
    }


def _breakdowns(link: Link, period: Period, using: str) -> Iterator[charts.Breakdown]:
    for dimension, title, unknown in _BREAKDOWNS:
        values = statistics.breakdown([link.pk], period, dimension, using=using)
        if dimension not in _OPTIONAL or any(value for value, _ in values):
            yield charts.breakdown(dimension.name.lower(), title, values, unknown=unknown)
