"""Why, and why not, on the wire."""

from typing import Any

from rest_framework import serializers

from monitoring.wire.casing import CamelCaseMixin
from monitoring.wire.fields import WireDateTimeField


class SeenOutput(CamelCaseMixin, serializers.Serializer[Any]):
    id = serializers.UUIDField(source="evidence.public_id")
    state = serializers.CharField(source="evidence.state")
    occurred_at = WireDateTimeField(source="evidence.occurred_at")
    is_counted = serializers.BooleanField()
    note = serializers.CharField(source="evidence.review_note")
    what = serializers.CharField()


class DisregardedOutput(CamelCaseMixin, serializers.Serializer[Any]):
    occurred_at = WireDateTimeField()
    what = serializers.CharField()
    reason = serializers.CharField()


class StepExplanationOutput(CamelCaseMixin, serializers.Serializer[Any]):
    step_id = serializers.SlugField(source="id")
    title = serializers.CharField()
    kind = serializers.SlugField(help_text="The stable name, as in the quest's requirements.")
    kind_title = serializers.CharField()
    is_met = serializers.BooleanField()
    seen = serializers.IntegerField()
    needed = serializers.IntegerField()
    missing = serializers.CharField()
    evidence = SeenOutput(many=True)
    disregarded = DisregardedOutput(many=True)


class PrerequisiteOutput(CamelCaseMixin, serializers.Serializer[Any]):
    text = serializers.CharField()
    is_met = serializers.BooleanField()
    depth = serializers.IntegerField()


class ObstacleOutput(serializers.Serializer[Any]):
    code = serializers.SlugField()
    text = serializers.CharField()


class ExplanationOutput(CamelCaseMixin, serializers.Serializer[Any]):
    quest_id = serializers.IntegerField(source="quest.number")
    period = serializers.CharField()
    started_at = WireDateTimeField(allow_null=True)
    completed_at = WireDateTimeField(
        source="completion.completed_at", allow_null=True, default=None
    )
    status = serializers.CharField(source="completion.status", allow_null=True, default=None)
    can_complete = serializers.BooleanField()
    obstacles = ObstacleOutput(many=True)
    prerequisites = PrerequisiteOutput(many=True)
    steps = StepExplanationOutput(many=True)
    places_left = serializers.IntegerField(source="places.left", allow_null=True, default=None)
    cooling_until = WireDateTimeField(allow_null=True)
