"""What happened to links: statistics, single clicks, and what would happen (`explain`)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import caller, requires
from links import selectors
from links.api.parsing import parsed
from links.api.serializers import (
    ClickOutput,
    ClickPage,
    ExplainInput,
    ExplainOutput,
    LinkOutput,
    StatisticsOutput,
)
from links.clicks import statistics
from links.clicks.statistics import Counts, Interval, Period
from links.explanation import explain_link
from links.models import Click, Dimension
from links.parameters import DayOrInstant, TimeZone
from monitoring.postgresql.replicas import read_aged
from monitoring.wire.filters import Choice, Integer, Query, Several
from monitoring.wire.pagination import CursorPagination
from monitoring.wire.problems import Problem

DIMENSIONS = {dimension.name.lower(): dimension for dimension in Dimension if dimension}
_PARAMETERS: dict[str, Any] = {
    "from": DayOrInstant(description="30 days back unless given."),
    "to": DayOrInstant(description="Excluded; a date means its end. Now unless given."),
    "interval": Choice({interval.value: interval for interval in Interval}),
    "tz": TimeZone(default="UTC"),
    "bots": Choice(["exclude", "include", "only"], default="exclude"),
    "group_by": Several(
        Choice(DIMENSIONS), at_most=len(DIMENSIONS), default=tuple(DIMENSIONS.values())
    ),
}
DEFAULT_DAYS = 30


class LinkStatisticsView(APIView):
    permission_classes = [requires("links:read")]
    query = Query(paged=False, **_PARAMETERS)

    @extend_schema(
        operation_id="links_stats", summary="Clicks of one link", tags=["statistics"],
        responses=StatisticsOutput,
    )  # fmt: skip
    def get(self, request: Request, public_id: UUID) -> Response:
        wanted = self.query.read(request)
        link = selectors.find_link(caller(request), public_id)
        return Response(_statistics([link.pk], wanted, link.owner_id))


class OverviewView(APIView):
    permission_classes = [requires("links:read")]
    query = Query(paged=False, **_PARAMETERS)

    @extend_schema(
        operation_id="stats_overview", summary="Clicks of all your links", tags=["statistics"],
        responses=StatisticsOutput,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        wanted = self.query.read(request)
        owner = caller(request)
        links = selectors.links_of(owner).values_list("pk", flat=True)
        return Response(_statistics(list(links), wanted, owner.pk))


class TopLinksView(APIView):
    permission_classes = [requires("links:read")]
    query = Query(paged=False, limit=Integer(at_least=1, at_most=100, default=10))

    @extend_schema(
        operation_id="stats_top_links", summary="Your links with the most clicks",
        tags=["statistics"], responses=LinkOutput(many=True),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        wanted = self.query.read(request)
        links = selectors.links_of(caller(request)).order_by("-click_count", "-pk")
        return Response(LinkOutput(links[: wanted["limit"]], many=True).data)


class ClicksView(APIView):
    permission_classes = [requires("links:read")]
    query = Query()
    ordering = ("-at", "-event_id")

    @extend_schema(
        operation_id="links_clicks", summary="Single clicks of a link, newest first",
        tags=["statistics"], responses=ClickPage,
    )  # fmt: skip
    def get(self, request: Request, public_id: UUID) -> Response:
        self.query.read(request)
        link = selectors.find_link(caller(request), public_id)
        paginator = CursorPagination()
        page = paginator.paginate_queryset(Click.objects.filter(link_id=link.pk), request, self)
        return paginator.get_paginated_response(ClickOutput(page, many=True).data)


class ExplainView(APIView):
    permission_classes = [requires("links:read")]

    @extend_schema(
        operation_id="links_explain", summary="Where a visitor would be sent, and why",
        description="Nothing is counted, and no limit is used up.", tags=["links"],
        request=ExplainInput, responses=ExplainOutput,
    )  # fmt: skip
    def post(self, request: Request, public_id: UUID) -> Response:
        link = selectors.find_link(caller(request), public_id)
        visitor = parsed(ExplainInput(data=request.data))
        return Response(ExplainOutput(explain_link(link, **visitor)).data)


def _statistics(links: Sequence[int], wanted: dict[str, Any], by: int) -> dict[str, Any]:
    return read_aged(lambda using: _read(links, wanted, using), by=by)


def _read(links: Sequence[int], wanted: dict[str, Any], using: str) -> dict[str, Any]:
    period = _period(wanted)
    interval = wanted["interval"] or statistics.fitting_interval(period)
    bots = wanted["bots"]
    try:
        points = statistics.series(links, period, interval, using=using)
    except ValueError:
        raise Problem("too_many_points", "Ask for a longer interval or a shorter time.") from None
    dimensions = [Dimension.TOTAL, *wanted["group_by"]]
    sums = statistics.breakdowns(links, period, dimensions, using=using)
    total = dict(sums[Dimension.TOTAL]).get("", Counts())
    # Written out here and not by StatisticsOutput, which describes it in the schema: for the
    # hundreds of small objects in it the serializers took a third of the request's time.
    return {
        "startsAt": period.start,
        "endsAt": period.end,
        "interval": interval.value,
        "tz": period.zone.key,
        "totals": _shown(total, bots),
        "series": [{"start": start} | _shown(counts, bots) for start, counts in points],
        "breakdowns": {
            dimension.name.lower(): [
                {"value": value} | _shown(counts, bots) for value, counts in sums[dimension]
            ]
            for dimension in wanted["group_by"]
        },
    }


def _shown(counts: Counts, bots: str) -> dict[str, int]:
    clicks = {"include": counts.clicks, "exclude": counts.humans, "only": counts.bots}[bots]
    return {
        "clicks": clicks,
        "humans": counts.humans,
        "bots": counts.bots,
        "visitors": counts.visitors,
    }


def _period(wanted: dict[str, Any]) -> Period:
    zone = wanted["tz"]
    now = timezone.now()
    end = wanted["to"].end(zone) if wanted["to"] else now
    start = wanted["from"].start(zone) if wanted["from"] else end - timedelta(days=DEFAULT_DAYS)
    if start >= end:
        raise Problem("invalid_parameter", "from must be before to.")
    return Period.between(start, end, zone)
