"""Appeals: a player's own, and the operators' queue of them."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.parsing import parsed
from accounts.permissions import IsOperator, IsPerson, caller
from monitoring.wire.casing import CamelCaseMixin
from monitoring.wire.fields import WireDateTimeField
from monitoring.wire.filters import Query
from monitoring.wire.idempotency import idempotent
from monitoring.wire.inputs import StrictInput
from monitoring.wire.schema import problem
from quests import appeals
from quests.models import Appeal, Completion

DECIDED = problem(409, "`appeal_decided`, or the season was closed just now.")
STALE = problem(412, "`version_stale`: it has changed.")


class AppealInput(StrictInput):
    text = serializers.CharField(max_length=appeals.MAX_TEXT)


class VerdictInput(StrictInput):
    note = serializers.CharField(max_length=appeals.MAX_NOTE, help_text="For the player to read.")
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)


class AppealOutput(CamelCaseMixin, serializers.Serializer[Any]):
    id = serializers.UUIDField(source="public_id")
    version = serializers.IntegerField()
    state = serializers.ChoiceField(choices=Appeal.State.choices)
    username = serializers.CharField(source="player.username")
    completion_id = serializers.UUIDField(source="completion.public_id")
    completion_status = serializers.CharField(source="completion.status")
    completion_reason = serializers.CharField(source="completion.reason")
    quest_number = serializers.IntegerField(source="completion.quest.number")
    quest_name = serializers.CharField(source="completion.quest.title")
    xp = serializers.IntegerField(source="completion.xp")
    text = serializers.CharField()
    note = serializers.CharField()
    entry_id = serializers.UUIDField(
        source="entry.public_id", allow_null=True, default=None, help_text="What paid it."
    )
    created_at = WireDateTimeField()
    decided_at = WireDateTimeField(allow_null=True)


class AppealView(APIView):
    permission_classes = [IsPerson]
    write_tiers = ("strict",)

    @extend_schema(
        operation_id="completions_appeal", summary="Ask for a second look", tags=["progress"],
        description="At a completion of yours that is held or was reversed, once.",
        request=AppealInput,
        responses={
            201: AppealOutput, **problem(409, "`nothing_to_appeal` or `already_appealed`."),
        },
    )  # fmt: skip
    @idempotent
    def post(self, request: Request, public_id: UUID) -> Response:
        text = parsed(AppealInput(data=request.data))["text"]
        mine = Completion.objects.filter(player=caller(request))
        completion: Completion = get_object_or_404(mine, public_id=public_id)
        made = appeals.appeal(player=caller(request), completion=completion, text=text)
        return Response(AppealOutput(made).data, status=status.HTTP_201_CREATED)


class MyAppealsView(ListAPIView[Appeal]):
    permission_classes = [IsPerson]
    serializer_class = AppealOutput
    queryset = Appeal.objects.none()  # for the schema
    query = Query()
    ordering = ("-created_at", "-pk")

    @extend_schema(
        operation_id="appeals_mine", summary="My appeals, newest first", tags=["progress"]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> "QuerySet[Appeal]":
        self.query.read(self.request)
        return appeals.appeals_of(caller(self.request))


class WaitingAppealsView(ListAPIView[Appeal]):
    permission_classes = [IsOperator]
    serializer_class = AppealOutput
    queryset = Appeal.objects.none()  # for the schema
    query = Query()
    ordering = ("created_at", "pk")

    @extend_schema(
        operation_id="appeals_waiting", summary="Appeals to decide, oldest first",
        tags=["operators"],
    )  # fmt: skip
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> "QuerySet[Appeal]":
        self.query.read(self.request)
        return appeals.waiting()


class GrantView(APIView):
    permission_classes = [IsOperator]

    @extend_schema(
        operation_id="appeals_grant", summary="Grant an appeal", tags=["operators"],
        description="What is held is released; what was reversed is paid by an award.",
        request=VerdictInput, responses={200: AppealOutput, **DECIDED, **STALE},
    )  # fmt: skip
    def post(self, request: Request, public_id: UUID) -> Response:
        data = parsed(VerdictInput(data=request.data))
        granted = appeals.grant(
            appeal=_appeal(public_id), actor=caller(request), note=data["note"],
            expected_version=data.get("version"),
        )  # fmt: skip
        return Response(AppealOutput(granted).data)


class DeclineView(APIView):
    permission_classes = [IsOperator]

    @extend_schema(
        operation_id="appeals_decline", summary="Decline an appeal", tags=["operators"],
        request=VerdictInput, responses={200: AppealOutput, **DECIDED, **STALE},
    )  # fmt: skip
    def post(self, request: Request, public_id: UUID) -> Response:
        data = parsed(VerdictInput(data=request.data))
        declined = appeals.decline(
            appeal=_appeal(public_id), actor=caller(request), note=data["note"],
            expected_version=data.get("version"),
        )  # fmt: skip
        return Response(AppealOutput(declined).data)


def _appeal(public_id: UUID) -> Appeal:
    found: Appeal = get_object_or_404(Appeal, public_id=public_id)
    return found
