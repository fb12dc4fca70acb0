"""Raffles, for everybody to see and to check."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.wire.casing import CamelCaseMixin
from monitoring.wire.fields import WireDateTimeField
from monitoring.wire.filters import Query
from quests.api.catalogue import NOTHING, PublicView
from quests.models import Raffle, RaffleEntrant
from quests.raffles import drawing, selectors, services


class WinnerOutput(CamelCaseMixin, serializers.Serializer[Any]):
    place = serializers.IntegerField()
    completion_id = serializers.UUIDField(source="completion.public_id")
    username = serializers.CharField(source="completion.player.username")
    status = serializers.CharField(
        source="completion.status", help_text="As it is now: it may have been reversed since."
    )


class RaffleOutput(CamelCaseMixin, serializers.Serializer[Any]):
    """`seed` is null until the draw, as everything is that the draw brings; `entrantsDigest` until
    the list of entrants is closed."""

    id = serializers.SlugField(source="slug")
    title = serializers.CharField()
    quest_id = serializers.IntegerField(source="quest.number", allow_null=True, default=None)
    season = serializers.SlugField(source="season.slug", allow_null=True, default=None)
    winners = serializers.IntegerField(help_text="How many places there are.")
    opens_at = WireDateTimeField(allow_null=True)
    closes_at = WireDateTimeField()
    grace_seconds = serializers.SerializerMethodField(
        help_text="After the close, until the list of entrants is closed: for what was completed "
        "in time and is still being stored."
    )
    algorithm = serializers.SerializerMethodField()
    commitment = serializers.CharField(help_text="SHA-256 of the seed, in hexadecimal.")
    beacon_source = serializers.CharField()
    frozen_at = WireDateTimeField(
        allow_null=True, help_text="When the list of entrants was closed: nothing changes it since."
    )
    drawn_at = WireDateTimeField(allow_null=True)
    seed = serializers.SerializerMethodField()
    beacon = serializers.SerializerMethodField()
    entrants_digest = serializers.SerializerMethodField()

    def get_algorithm(self, raffle: Raffle) -> str:
        del raffle
        return drawing.ALGORITHM

    def get_grace_seconds(self, raffle: Raffle) -> int:
        del raffle
        return int(services.GRACE.total_seconds())

    def get_seed(self, raffle: Raffle) -> str | None:
        return bytes(raffle.seed).hex() if raffle.drawn_at else None

    def get_beacon(self, raffle: Raffle) -> str | None:
        return raffle.beacon if raffle.drawn_at else None

    def get_entrants_digest(self, raffle: Raffle) -> str | None:
        return raffle.entrants_digest or None


class RaffleDetailOutput(RaffleOutput):
    drawn = WinnerOutput(source="drawn.all", many=True)


class EntrantOutput(CamelCaseMixin, serializers.Serializer[Any]):
    number = serializers.IntegerField()
    completion_id = serializers.UUIDField(source="completion.public_id")
    status = serializers.CharField(source="completion.status", help_text="As it is now.")


class RafflesView(PublicView, ListAPIView[Raffle]):
    serializer_class = RaffleOutput
    queryset = Raffle.objects.none()  # for the schema
    query = Query()
    ordering = ("-created_at", "-pk")

    @extend_schema(operation_id="public_raffles", summary="Raffles, newest first", tags=["public"])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> "QuerySet[Raffle]":
        self.query.read(self.request)
        return selectors.raffles()


class RaffleView(PublicView):
    query = NOTHING

    @extend_schema(
        operation_id="public_raffle", summary="One raffle", tags=["public"],
        responses=RaffleDetailOutput,
    )  # fmt: skip
    def get(self, request: Request, slug: str) -> Response:
        self.query.read(request)
        return Response(
            RaffleDetailOutput(get_object_or_404(selectors.with_winners(), slug=slug)).data
        )


class EntrantsView(PublicView, ListAPIView[RaffleEntrant]):
    serializer_class = EntrantOutput
    queryset = RaffleEntrant.objects.none()  # for the schema
    query = Query()
    ordering = ("number", "pk")

    @extend_schema(
        operation_id="public_raffle_entrants", summary="Who is drawn from", tags=["public"],
        description="In the order that is drawn from; empty until the list is closed.",
    )  # fmt: skip
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> "QuerySet[RaffleEntrant]":
        self.query.read(self.request)
        raffle = get_object_or_404(Raffle, slug=self.kwargs["slug"])
        return selectors.entrants_of(raffle)
