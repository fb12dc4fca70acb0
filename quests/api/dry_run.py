"""Trying a change of a quest over the API."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsOperator, caller
from monitoring.wire.casing import CamelCaseMixin
from monitoring.wire.fields import WireDateTimeField
from monitoring.wire.schema import problem
from quests.authoring.dry_run import MOST_IN_A_REQUEST, MOST_LISTED, replay
from quests.models import Quest


class DifferenceOutput(CamelCaseMixin, serializers.Serializer[Any]):
    player = serializers.CharField()
    period = serializers.CharField()
    is_completed = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.CharField())


class StepCountOutput(CamelCaseMixin, serializers.Serializer[Any]):
    step_id = serializers.CharField(source="id")
    title = serializers.CharField()
    before = serializers.IntegerField(allow_null=True)
    after = serializers.IntegerField(allow_null=True)


class DryRunOutput(CamelCaseMixin, serializers.Serializer[Any]):
    quest_id = serializers.IntegerField(source="number")
    at = WireDateTimeField()
    players = serializers.IntegerField()
    rounds = serializers.IntegerField()
    gains = serializers.IntegerField()
    losses = serializers.IntegerField()
    unchanged_passed = serializers.IntegerField()
    unchanged_open = serializers.IntegerField()
    gaining = DifferenceOutput(many=True)
    losing = DifferenceOutput(many=True)
    steps = StepCountOutput(many=True)
    xp_before = serializers.IntegerField()
    xp_after = serializers.IntegerField()
    xp_change = serializers.IntegerField()
    places_left = serializers.IntegerField(allow_null=True)
    is_complete = serializers.BooleanField(help_text="False when there are more players than that.")


class DryRunView(APIView):
    permission_classes = [IsOperator]
    write_tiers = ("strict",)

    @extend_schema(
        operation_id="quests_dry_run", summary="Who would gain or lose by a change",
        tags=["operators"],
        description="Judges what is on record under the quest as it is and as it would be; nothing "
        "is written. The body is a quest as `manage.py export_quests` writes it, as JSON; what it "
        "leaves out stays as it is. Needs the permission to change "
        f"quests. The first {MOST_IN_A_REQUEST:,} players are looked at; each list ends at "
        f"{MOST_LISTED}.",
        request=OpenApiTypes.OBJECT,
        responses={200: DryRunOutput, **problem(409, "`quest_number_fixed`.")},
    )  # fmt: skip
    def post(self, request: Request, number: int) -> Response:
        if not caller(request).has_perm("quests.change_quest"):
            raise PermissionDenied
        if not isinstance(request.data, Mapping):
            raise ValidationError("A quest is an object.")
        quest = get_object_or_404(Quest, number=number)
        found = replay(quest, request.data, most=MOST_IN_A_REQUEST)
        return Response(DryRunOutput(found).data)
