"""What goes over the wire about accounts."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from accounts.models import ApiKey, User
from accounts.permissions import held_scopes
from accounts.scopes import Scope
from monitoring.wire.casing import CamelCaseMixin
from monitoring.wire.fields import WireDateTimeField

MAX_TOKEN_LENGTH = 4096


class CredentialsInput(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1024, trim_whitespace=False, write_only=True)


class RefreshInput(CamelCaseMixin, serializers.Serializer[Any]):
    refresh_token = serializers.CharField(max_length=MAX_TOKEN_LENGTH)


class TokenPairOutput(CamelCaseMixin, serializers.Serializer[Any]):
    token = serializers.CharField(source="access", help_text="The access token: 15 minutes.")
    refresh_token = serializers.CharField(
        source="refresh", help_text="Good for one `POST /api/auth/refresh` within 30 days."
    )


class UserOutput(CamelCaseMixin, serializers.ModelSerializer[User]):
    id = serializers.UUIDField(source="public_id")
    is_operator = serializers.BooleanField(source="is_staff")
    registered_at = WireDateTimeField(source="date_joined")

    class Meta:
        model = User
        fields = ["id", "username", "is_operator", "registered_at"]


class WhoOutput(serializers.Serializer[Any]):
    user = UserOutput()


class KeyInput(CamelCaseMixin, serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices), allow_empty=False
    )
    expires_at = WireDateTimeField(required=False, allow_null=True, default=None)

    def validate_scopes(self, scopes: list[str]) -> list[str]:
        """Nobody gives away what she does not hold."""
        if missing := sorted(set(scopes) - held_scopes(self.context["request"])):
            raise serializers.ValidationError(
                f"You do not hold {missing[0]}.", code="missing_scope"
            )
        return scopes

    def validate_expires_at(self, expires_at: datetime | None) -> datetime | None:
        if expires_at and expires_at <= timezone.now():
            raise serializers.ValidationError("This is not in the future.")
        return expires_at


class KeyOutput(CamelCaseMixin, serializers.ModelSerializer[ApiKey]):
    id = serializers.UUIDField(source="public_id")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))

    class Meta:
        model = ApiKey
        fields = ["id", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at"]


class NewKeyOutput(KeyOutput):
    key = serializers.CharField(help_text="Shown this once.")

    class Meta(KeyOutput.Meta):
        fields = [*KeyOutput.Meta.fields, "key"]
