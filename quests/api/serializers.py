"""What goes over the wire about quests. Nothing here reads a requirement's configuration but
through its kind's `public`, which tells no answers."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.serializers import WalletField
from monitoring.wire.casing import CamelCaseMixin
from monitoring.wire.fields import WireDateTimeField
from monitoring.wire.inputs import StrictInput
from quests.completions.quota import places_left
from quests.markdown import render
from quests.models import Achievement, Quest, Requirement, Season
from quests.requirements.registry import kind_of

_ANY_OBJECT = {"type": "object", "additionalProperties": True}


class SeasonOutput(CamelCaseMixin, serializers.ModelSerializer[Season]):
    id = serializers.SlugField(source="slug")
    is_closed = serializers.SerializerMethodField()

    class Meta:
        model = Season
        fields = ["id", "name", "description", "starts_at", "ends_at", "closed_at", "is_closed"]

    def get_is_closed(self, season: Season) -> bool:
        return season.closed_at is not None


class AchievementOutput(CamelCaseMixin, serializers.ModelSerializer[Achievement]):
    id = serializers.SlugField(source="slug")

    class Meta:
        model = Achievement
        fields = ["id", "name", "description", "metric", "threshold", "category", "quests"]


class QuestStepOutput(CamelCaseMixin, serializers.ModelSerializer[Requirement]):
    id = serializers.SlugField(source="key")
    is_answered = serializers.SerializerMethodField(
        help_text="Whether something is sent in for it."
    )

    class Meta:
        model = Requirement
        fields = ["id", "kind", "title", "is_answered"]

    def get_is_answered(self, step: Requirement) -> bool:
        return kind_of(step.kind).is_answered


class QuestStepContentOutput(QuestStepOutput):
    content = serializers.SerializerMethodField()

    class Meta(QuestStepOutput.Meta):
        fields = [*QuestStepOutput.Meta.fields, "content"]

    @extend_schema_field(_ANY_OBJECT)
    def get_content(self, step: Requirement) -> dict[str, Any]:
        return kind_of(step.kind).public(step.config)


class QuestOutput(CamelCaseMixin, serializers.ModelSerializer[Quest]):
    id = serializers.IntegerField(source="number")
    season = serializers.SlugField(source="season.slug", allow_null=True, default=None)
    repeats = serializers.ChoiceField(source="recurrence", choices=Quest.Recurrence.choices)

    class Meta:
        model = Quest
        fields = [
            "id", "title", "description", "xp_reward", "category", "estimated_time", "status",
            "season", "starts_at", "ends_at", "quota", "repeats",
        ]  # fmt: skip


class QuestDetailOutput(QuestOutput):
    steps = QuestStepOutput(source="requirements", many=True)
    places_left = serializers.SerializerMethodField(
        help_text="Of the quota; null without one. What is in flight may still come back."
    )

    class Meta(QuestOutput.Meta):
        fields = [
            *QuestOutput.Meta.fields,
            "places_left", "period_zone", "cooldown_seconds", "prerequisites", "steps",
        ]  # fmt: skip

    def get_places_left(self, quest: Quest) -> int | None:
        return places_left(quest.pk) if quest.quota else None


class QuestContentOutput(CamelCaseMixin, serializers.ModelSerializer[Quest]):
    id = serializers.IntegerField(source="number")
    content = serializers.CharField(help_text="Markdown, as its author wrote it.")
    content_html = serializers.SerializerMethodField(
        help_text="The same as HTML, from an allow-list: safe on any page."
    )
    steps = QuestStepContentOutput(source="requirements", many=True)

    class Meta:
        model = Quest
        fields = ["id", "title", "content", "content_html", "steps"]

    def get_content_html(self, quest: Quest) -> str:
        return render(quest.content)


class CompletionOutput(CamelCaseMixin, serializers.Serializer[Any]):
    message = serializers.CharField()
    completion_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=["paid", "held"])
    xp_earned = serializers.IntegerField()
    total_xp = serializers.IntegerField()
    achievements = serializers.ListField(child=serializers.SlugField())
    completed_at = WireDateTimeField()
    evidence = serializers.ListField(child=serializers.UUIDField())


class StartedOutput(CamelCaseMixin, serializers.Serializer[Any]):
    quest_id = serializers.IntegerField()
    started_at = WireDateTimeField()


class NothingInput(StrictInput):
    """Whose it is, the token says; a body that names somebody must not be passed over."""


class StepInput(StrictInput):
    step_id = serializers.SlugField(max_length=50)
    answer = serializers.JSONField(required=False)
    proof = serializers.JSONField(required=False)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if ("answer" in data) == ("proof" in data):
            raise serializers.ValidationError("Send either an answer or a proof.")
        return data


class StepResultOutput(CamelCaseMixin, serializers.Serializer[Any]):
    step_id = serializers.SlugField()
    state = serializers.ChoiceField(choices=["verified", "pending", "wrong", "rejected"])
    evidence_id = serializers.UUIDField(allow_null=True)
    tries_left = serializers.IntegerField(
        allow_null=True, help_text="Before a pause; null where guessing is not bounded."
    )


class ProgressOutput(CamelCaseMixin, serializers.Serializer[Any]):
    quest_id = serializers.IntegerField()
    quest_name = serializers.CharField()
    state = serializers.ChoiceField(choices=["started", "paid", "held", "reversed"])
    started_at = WireDateTimeField(allow_null=True)
    completed_at = WireDateTimeField(allow_null=True)
    xp_earned = serializers.IntegerField()


class ProfileInput(StrictInput):
    username = serializers.CharField(max_length=150, required=False)
    time_zone = serializers.CharField(max_length=50, required=False)
    referred_by = WalletField(required=False)


class ProfileOutput(CamelCaseMixin, serializers.Serializer[Any]):
    id = serializers.UUIDField()
    username = serializers.CharField()
    wallet_address = serializers.CharField(allow_null=True)
    time_zone = serializers.CharField()
    referred_by = serializers.CharField(allow_null=True)
    total_xp = serializers.IntegerField()
    level = serializers.IntegerField()
    completed_quests = serializers.IntegerField()
    achievements = serializers.IntegerField()
    version = serializers.IntegerField()


class LedgerOutput(CamelCaseMixin, serializers.Serializer[Any]):
    id = serializers.UUIDField(source="public_id")
    kind = serializers.CharField()
    amount = serializers.IntegerField()
    season = serializers.SlugField(source="season.slug", allow_null=True, default=None)
    quest_id = serializers.IntegerField(
        source="completion.quest.number", allow_null=True, default=None
    )
    quest_name = serializers.CharField(
        source="completion.quest.title", allow_null=True, default=None
    )
    completion_id = serializers.UUIDField(
        source="completion.public_id", allow_null=True, default=None
    )
    evidence = serializers.SerializerMethodField()
    reverses = serializers.UUIDField(source="reverses.public_id", allow_null=True, default=None)
    by = serializers.CharField(source="actor.username", allow_null=True, default=None)
    reason = serializers.CharField()
    at = WireDateTimeField(source="created_at")

    @extend_schema_field({"type": "array", "items": _ANY_OBJECT})
    def get_evidence(self, entry: Any) -> list[dict[str, Any]]:
        rows = entry.completion.evidence.all() if entry.completion else ()
        return [
            {
                "id": str(row.public_id),
                "stepId": row.step,
                "kind": row.kind,
                "reviewedBy": row.reviewed_by.username if row.reviewed_by else None,
                "payload": row.payload,
            }
            for row in rows
        ]


class EvidenceInput(StrictInput):
    quest_number = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    requirement = serializers.SlugField(max_length=50)
    wallet_address = WalletField()
    source_id = serializers.CharField(max_length=200)
    occurred_at = WireDateTimeField()
    payload = serializers.JSONField(default=dict)

    def validate_payload(self, payload: Any) -> dict[str, Any]:
        if not isinstance(payload, dict) or len(str(payload)) > 4_000:
            raise serializers.ValidationError("This is an object of at most 4,000 characters.")
        return payload


class EvidenceOutput(CamelCaseMixin, serializers.Serializer[Any]):
    id = serializers.UUIDField(source="public_id")
    quest_number = serializers.IntegerField(source="quest.number")
    requirement = serializers.SlugField(source="step")
    state = serializers.CharField()
    source_id = serializers.CharField()
    occurred_at = WireDateTimeField()
    created_at = WireDateTimeField()


class ReviewOutput(CamelCaseMixin, serializers.Serializer[Any]):
    id = serializers.UUIDField(source="public_id")
    version = serializers.IntegerField()
    state = serializers.CharField()
    username = serializers.CharField(source="player.username")
    quest_number = serializers.IntegerField(source="quest.number")
    quest_name = serializers.CharField(source="quest.title")
    step_id = serializers.SlugField(source="step")
    form = serializers.CharField(source="proof.form")
    text = serializers.CharField(source="proof.text")
    duplicate_of = serializers.UUIDField(
        source="proof.duplicate_of.public_id", allow_null=True, default=None
    )
    sent_at = WireDateTimeField(source="created_at")


class DecisionInput(StrictInput):
    note = serializers.CharField(max_length=500, allow_blank=True, default="")
    version = serializers.IntegerField(min_value=1, required=False)


class ReasonInput(StrictInput):
    reason = serializers.CharField(max_length=500)
