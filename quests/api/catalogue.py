"""What there is to do: quests, seasons, achievements. Readable by everybody."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitoring.responses.tags import kept
from monitoring.wire.filters import Choice, Query, Sort, Text
from quests.api.serializers import (
    AchievementOutput,
    QuestContentOutput,
    QuestDetailOutput,
    QuestOutput,
    SeasonOutput,
)
from quests.events import CATALOGUE
from quests.models import Achievement, Quest, Season

# What no tag tells of is seen by then.
KEPT_SECONDS = 10
# Places of a quota go without a word.
QUEST_KEPT_SECONDS = 1
# A parameter that nobody knows is refused: each would be an answer of its own to keep.
NOTHING = Query(paged=False)
VISIBLE = [Quest.Status.PUBLISHED.value, Quest.Status.CLOSED.value]


class PublicView(APIView):
    """An expired token must not stand in the way of what everybody may see."""

    authentication_classes = []
    permission_classes = []


def visible_quests() -> "QuerySet[Quest]":
    return Quest.objects.filter(status__in=VISIBLE).select_related("season")


class QuestsView(PublicView, ListAPIView[Quest]):
    serializer_class = QuestOutput
    queryset = Quest.objects.none()  # for the schema
    query = Query(
        status=Choice(VISIBLE),
        category=Text(max_length=50),
        season=Text(max_length=50),
        search=Text(max_length=200, description="Part of the title."),
        sort=Sort({"number": "number", "xpReward": "xp_reward"}, default="number"),
    )

    @extend_schema(operation_id="quests_list", summary="Quests to do", tags=["quests"])
    @kept(tag=CATALOGUE, seconds=KEPT_SECONDS)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> "QuerySet[Quest]":
        wanted = self.query.read(self.request)
        self.ordering = wanted["sort"]
        filters = {
            "status": wanted["status"],
            "category": wanted["category"],
            "season__slug": wanted["season"],
            "title__icontains": wanted["search"],
        }
        given = {name: value for name, value in filters.items() if value is not None}
        return visible_quests().filter(**given)


class QuestView(PublicView):
    query = NOTHING

    @extend_schema(
        operation_id="quests_read", summary="One quest, with its steps", tags=["quests"],
        responses=QuestDetailOutput,
    )  # fmt: skip
    @kept(tag=CATALOGUE, seconds=QUEST_KEPT_SECONDS)
    def get(self, request: Request, number: int) -> Response:
        self.query.read(request)
        quests = visible_quests().prefetch_related("requirements")
        return Response(QuestDetailOutput(get_object_or_404(quests, number=number)).data)


class QuestContentView(PublicView):
    query = NOTHING

    @extend_schema(
        operation_id="quests_content", summary="A quest's text and questions", tags=["quests"],
        description="Questions come without their answers: those never leave the server.",
        responses=QuestContentOutput,
    )  # fmt: skip
    @kept(tag=CATALOGUE, seconds=KEPT_SECONDS)
    def get(self, request: Request, number: int) -> Response:
        self.query.read(request)
        quests = visible_quests().prefetch_related("requirements")
        return Response(QuestContentOutput(get_object_or_404(quests, number=number)).data)


class SeasonsView(PublicView, ListAPIView[Season]):
    serializer_class = SeasonOutput
    queryset = Season.objects.all()
    query = Query()
    ordering = "-created_at"

    @extend_schema(operation_id="seasons_list", summary="Seasons", tags=["quests"])
    @kept(tag=CATALOGUE, seconds=KEPT_SECONDS)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.query.read(request)
        return super().get(request, *args, **kwargs)


class SeasonView(PublicView):
    query = NOTHING

    @extend_schema(
        operation_id="seasons_read", summary="One season", tags=["quests"], responses=SeasonOutput
    )
    @kept(tag=CATALOGUE, seconds=KEPT_SECONDS)
    def get(self, request: Request, slug: str) -> Response:
        self.query.read(request)
        return Response(SeasonOutput(get_object_or_404(Season, slug=slug)).data)


class AchievementsView(PublicView, ListAPIView[Achievement]):
    serializer_class = AchievementOutput
    queryset = Achievement.objects.all()
    query = Query()
    ordering = "slug"

    @extend_schema(operation_id="achievements_list", summary="Achievements", tags=["quests"])
    @kept(tag=CATALOGUE, seconds=KEPT_SECONDS)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.query.read(request)
        return super().get(request, *args, **kwargs)
