"""The pages of links' owners: parse, call one service or selector, render.

Everything is the signed-in person's own: a link of somebody else is not there (404).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from accounts.throttling import limit_caller
from links import charts, selectors, services
from links.clicks import statistics
from links.clicks.statistics import Period
from links.forms import CreateLinkForm, EditLinkForm, FilterForm, show_problem
from links.models import Click, Dimension, Link
from links.periods import PeriodForm, zone_in
from links.states import state_of
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
            link = services.create_link(owner=_person(request), **form.cleaned_data)
        except Problem as problem:
            show_problem(form, problem)
        else:
            return redirect(f"{reverse('links:list')}?created={link.public_id}")
    return _list_page(request, form, status=400)


@login_required
@require_safe
def link_page(request: HttpRequest, public_id: UUID) -> HttpResponse:
    link = _own_link(request, public_id)
    form = PeriodForm(request.GET)
    with timezone.override(form.zone):
        return render(
            request,
            "links/detail.html",
            {
                "link": link,
                "state": state_of(link),
                "form": form,
                "tz": form.zone.key,
                "clicks": Click.objects.filter(link_id=link.pk).order_by("-at", "-event_id")[
                    :RECENT_CLICKS
                ],
                "history": link.target_changes.select_related("changed_by")[:PAGE_SIZE],
                **_figures(link, form.read(timezone.now())),
            },
        )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit_link(request: HttpRequest, public_id: UUID) -> HttpResponse:
    link = _own_link(request, public_id)
    zone = zone_in(request.POST if request.method == "POST" else request.GET)
    with timezone.override(zone):
        form = EditLinkForm(link, request.POST or None, zone=zone)
        if request.method == "POST" and form.is_valid() and _is_saved(request, link, form):
            messages.success(request, "Saved.")
            return redirect(f"{reverse('links:detail', args=[public_id])}?tz={zone.key}")
        status = 400 if form.is_bound else 200
        return render(
            request, "links/edit.html", {"link": link, "form": form, "tz": zone.key}, status=status
        )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete_link(request: HttpRequest, public_id: UUID) -> HttpResponse:
    link = _own_link(request, public_id)
    if request.method == "POST":
        services.delete_link(link=link)
        messages.success(request, f"{link.short_url} is deleted.")
        return redirect("links:list")
    return render(request, "links/delete.html", {"link": link})


def _person(request: HttpRequest) -> User:
    return cast("User", request.user)


def _own_link(request: HttpRequest, public_id: UUID) -> Link:
    try:
        return selectors.find_link(_person(request), public_id)
    except Problem as problem:
        raise Http404 from problem


def _list_page(request: HttpRequest, form: CreateLinkForm, status: int = 200) -> HttpResponse:
    filters = FilterForm(request.GET, auto_id="filter_%s")
    search, tag, order = filters.read()
    links = selectors.links_of(_person(request)).select_related("allowance")
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


def _figures(link: Link, period: Period) -> dict[str, Any]:
    interval = statistics.fitting_interval(period)
    series = statistics.series([link.pk], period, interval)
    return {
        "period": period,
        "last_moment": period.end - timedelta(minutes=1),
        "interval": interval,
        "totals": statistics.totals([link.pk], period),
        "chart": charts.time_chart(series, interval),
        "breakdowns": list(_breakdowns(link, period)),
    }


def _breakdowns(link: Link, period: Period) -> Iterator[charts.Breakdown]:
    for dimension, title, unknown in _BREAKDOWNS:
        values = statistics.breakdown([link.pk], period, dimension)
        if dimension not in _OPTIONAL or any(value for value, _ in values):
            yield charts.breakdown(dimension.name.lower(), title, values, unknown=unknown)


def _is_saved(request: HttpRequest, link: Link, form: EditLinkForm) -> bool:
    """Whether the service took it; what it refused stands in the form then."""
    try:
        if changes := form.changes():
            services.update_link(link=link, changed_by=_person(request), **changes)
    except Problem as problem:
        show_problem(form, problem)
    return form.is_valid()
