"""The operators' first page: what every app gives for it, as far as this operator may see it."""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

import accounts.overview
import links.overview
import monitoring.overview
import quests.overview
import realtime.overview
from monitoring.overview import Figure, Source, drawn

_FIGURES: tuple[tuple[str, tuple[Source, ...]], ...] = (
    ("Community", (*realtime.overview.SOURCES, *links.overview.SOURCES[:1],
                   *accounts.overview.SOURCES, *quests.overview.SOURCES)),
    ("Service", (*links.overview.SOURCES[1:], *monitoring.overview.SOURCES)),
)  # fmt: skip
_CHARTS = (*links.overview.CHARTS, *quests.overview.CHARTS, *realtime.overview.CHARTS)


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """All of the page. The settings name this function to unfold."""
    charts = [drawn(chart) for chart in _found(request, _CHARTS)]
    return {**context, **figures(request), "charts": charts}


def figures(request: HttpRequest) -> dict[str, Any]:
    """What is asked for again and again while the page is looked at."""
    groups = [(title, list(_figures(request, sources))) for title, sources in _FIGURES]
    return {"figures": [group for group in groups if group[1]], "at": timezone.now()}


def figures_view(request: HttpRequest) -> HttpResponse:
    """A part of the page, for the page itself."""
    answer = render(request, "admin/overview/figures.html", figures(request))
    answer["Cache-Control"] = "private, no-store"
    return answer


def _figures(request: HttpRequest, sources: Iterable[Source]) -> Iterator[tuple[Figure, str]]:
    for figure in _found(request, sources):
        yield figure, urlsplit(reverse(figure.page))._replace(query=figure.query).geturl()


def _found(request: HttpRequest, sources: Iterable[Source]) -> Iterator[Any]:
    may = request.user.has_perm
    for source in sources:
        if any(may(permission) for permission in source.permissions):
            yield from (one for one in source.read() if may(one.permission))
