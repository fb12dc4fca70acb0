"""A quest as a document: what operators write, what YAML files hold, what each version keeps."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from monitoring.wire.casing import CamelCaseMixin
from monitoring.wire.fields import WireDateTimeField, instant
from quests import periods, prerequisites
from quests.models import Quest, Requirement, Season
from quests.models.quest import MAX_QUOTA, MAX_XP
from quests.requirements.registry import kind_of

MAX_STEPS = 20
_MAX_NUMBER = 2**31 - 1
_MAX_COOLDOWN = 366 * 86_400
_MAX_GAP = 366 * 86_400


class StepDocument(CamelCaseMixin, serializers.Serializer[Any]):
    id = serializers.SlugField(max_length=50)
    kind = serializers.CharField(max_length=30)
    title = serializers.CharField(max_length=200)
    config = serializers.JSONField(default=dict)
    ordered = serializers.BooleanField(
        default=False, help_text="Only what happens after the step before it is met counts."
    )
    within_seconds = serializers.IntegerField(
        min_value=1, max_value=_MAX_GAP, allow_null=True, default=None,
        help_text="How soon after the step before it this one must begin.",
    )  # fmt: skip

    def validate(self, step: dict[str, Any]) -> dict[str, Any]:
        """What the configuration must hold, its kind knows."""
        if not isinstance(step["config"], Mapping):
            raise serializers.ValidationError({"config": "This is an object."})
        if step["within_seconds"] and not step["ordered"]:
            text = "Only a step that is ordered has a gap to the one before."
            raise serializers.ValidationError({"within_seconds": text})
        try:
            kind = kind_of(step["kind"])
        except ValueError as error:
            raise serializers.ValidationError({"kind": str(error)}) from None
        try:
            return step | {"config": kind.clean(step["config"])}
        except ValueError as error:
            raise serializers.ValidationError({"config": str(error)}) from None
        except TypeError:  # something nested where nothing is
            raise serializers.ValidationError({"config": "This makes no sense."}) from None


class QuestDocument(CamelCaseMixin, serializers.Serializer[Any]):
    number = serializers.IntegerField(min_value=1, max_value=_MAX_NUMBER, required=False)
    title = serializers.CharField(max_length=200)
    description = serializers.CharField(max_length=1000, allow_blank=True, default="")
    content = serializers.CharField(max_length=50_000, allow_blank=True, default="")
    category = serializers.CharField(max_length=50, allow_blank=True, default="")
    estimated_time = serializers.IntegerField(
        min_value=1, max_value=10_000, allow_null=True, default=None
    )
    xp_reward = serializers.IntegerField(min_value=0, max_value=MAX_XP)
    season = serializers.SlugRelatedField(
        slug_field="slug", queryset=Season.objects.all(), allow_null=True, default=None
    )
    status = serializers.ChoiceField(choices=Quest.Status.choices, default=Quest.Status.DRAFT)
    starts_at = WireDateTimeField(allow_null=True, default=None)
    ends_at = WireDateTimeField(allow_null=True, default=None)
    quota = serializers.IntegerField(
        min_value=1, max_value=MAX_QUOTA, allow_null=True, default=None
    )
    recurrence = serializers.ChoiceField(
        choices=Quest.Recurrence.choices, default=Quest.Recurrence.ONCE
    )
    period_zone = serializers.CharField(max_length=50, default="UTC")
    cooldown_seconds = serializers.IntegerField(
        min_value=1, max_value=_MAX_COOLDOWN, allow_null=True, default=None
    )
    prerequisites = serializers.JSONField(default=dict)
    announce_room = serializers.SlugField(max_length=80, allow_blank=True, default="")
    hold_completions = serializers.BooleanField(default=False)
    steps = StepDocument(many=True, default=list)

    def validate_period_zone(self, zone: str) -> str:
        if not periods.is_zone(zone):
            raise serializers.ValidationError("This is no time zone, such as Europe/Berlin.")
        return zone

    def validate_prerequisites(self, expression: Any) -> dict[str, Any]:
        try:
            return prerequisites.clean(expression)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None

    def validate_steps(self, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len(steps) > MAX_STEPS:
            raise serializers.ValidationError(f"A quest has at most {MAX_STEPS} steps.")
        if len({step["id"] for step in steps}) < len(steps):
            raise serializers.ValidationError("Two steps have the same id.")
        if steps and steps[0]["ordered"]:
            raise serializers.ValidationError("The first step has none before it.")
        return steps

    def validate(self, quest: dict[str, Any]) -> dict[str, Any]:
        starts, ends = quest["starts_at"], quest["ends_at"]
        if starts and ends and ends <= starts:
            raise serializers.ValidationError({"ends_at": "A quest ends after it starts."})
        if quest["cooldown_seconds"] and quest["recurrence"] == Quest.Recurrence.ONCE:
            text = "Only a repeating quest has a cool-down."
            raise serializers.ValidationError({"cooldown_seconds": text})
        return quest


def read(document: Mapping[str, Any]) -> dict[str, Any]:
    """Model fields, `steps` among them; DRF's ValidationError names each field that is wrong, and
    those that do not exist."""
    serializer = QuestDocument(data=dict(document))
    if unknown := sorted(set(document) - set(serializer.fields)):
        raise serializers.ValidationError(dict.fromkeys(unknown, "There is no such field."))
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def document_of(quest: Quest) -> dict[str, Any]:
    """The whole quest, in the same shape. It holds answers and codes: operators alone see it."""
    return {
        "number": quest.number,
        "title": quest.title,
        "description": quest.description,
        "content": quest.content,
        "category": quest.category,
        "estimatedTime": quest.estimated_time,
        "xpReward": quest.xp_reward,
        "season": quest.season.slug if quest.season else None,
        "status": quest.status,
        "startsAt": instant(quest.starts_at) if quest.starts_at else None,
        "endsAt": instant(quest.ends_at) if quest.ends_at else None,
        "quota": quest.quota,
        "recurrence": quest.recurrence,
        "periodZone": quest.period_zone,
        "cooldownSeconds": quest.cooldown_seconds,
        "prerequisites": quest.prerequisites,
        "announceRoom": quest.announce_room,
        "holdCompletions": quest.hold_completions,
        "steps": [_step(step) for step in quest.requirements.all()],
    }


def _step(row: Requirement) -> dict[str, Any]:
    step = {"id": row.key, "kind": row.kind, "title": row.title, "config": row.config}
    if row.is_ordered:
        step |= {"ordered": True, "withinSeconds": row.within_seconds}
    return step
