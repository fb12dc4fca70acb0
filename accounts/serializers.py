"""What goes over the wire about accounts."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.addresses import parse_wallet, to_checksum
from accounts.models import ApiKey, Wallet
from accounts.permissions import held_scopes
from accounts.scopes import Scope
from monitoring.wire.casing import CamelCaseMixin
from monitoring.wire.fields import WireDateTimeField
from monitoring.wire.inputs import StrictInput

MAX_TOKEN_LENGTH = 4096


@extend_schema_field({"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$"})
class WalletField(serializers.CharField):
    """Reads an address into the form that is kept, and shows it in that of EIP-55. What is none is
    a Problem of its own (`wallet_invalid`, `wallet_checksum`), in whatever field it stands."""

    def to_internal_value(self, data: Any) -> str:
        return parse_wallet(super().to_internal_value(data))

    def to_representation(self, value: Any) -> str:
        return to_checksum(str(value))


class ExactTextField(serializers.CharField):
    """A JSON string as it came: not a number, and with the white space at its ends."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, allow_blank=True, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data


class CredentialsInput(StrictInput):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1024, trim_whitespace=False, write_only=True)


class RefreshInput(StrictInput):
    refresh_token = serializers.CharField(max_length=MAX_TOKEN_LENGTH)


class TokenPairOutput(CamelCaseMixin, serializers.Serializer[Any]):
    token = serializers.CharField(source="access", help_text="The access token: 15 minutes.")
    refresh_token = serializers.CharField(
        source="refresh", help_text="Good for one `POST /api/auth/refresh` within 30 days."
    )


class NonceOutput(CamelCaseMixin, serializers.Serializer[Any]):
    nonce = serializers.CharField()
    domain = serializers.CharField()
    uri = serializers.CharField()
    chain_id = serializers.IntegerField()
    statement = serializers.CharField()
    expires_at = WireDateTimeField()


class WalletProofInput(StrictInput):
    message = ExactTextField(help_text="An EIP-4361 message of at most 4,096 bytes.")
    signature = ExactTextField(help_text="`0x` and 130 hexadecimal digits; contracts may differ.")


class WalletOutput(CamelCaseMixin, serializers.ModelSerializer[Wallet]):
    address = WalletField()

    class Meta:
        model = Wallet
        fields = ["address", "is_primary", "linked_at"]


class EndedOutput(serializers.Serializer[Any]):
    ended = serializers.IntegerField(help_text="How many sign-ins ended.")


class UserOutput(CamelCaseMixin, serializers.Serializer[Any]):
    id = serializers.UUIDField(source="user.public_id")
    wallet_address = WalletField(allow_null=True, help_text="The primary wallet, if any.")
    username = serializers.CharField(source="user.username")
    total_xp = serializers.IntegerField(source="figures.total_xp")
    completed_quests = serializers.IntegerField(source="figures.completed_quests")
    achievements = serializers.IntegerField(source="figures.achievements")
    is_operator = serializers.BooleanField(source="user.is_staff")
    registered_at = WireDateTimeField(source="user.date_joined")


class WhoOutput(serializers.Serializer[Any]):
    user = UserOutput()


class WalletSignInOutput(TokenPairOutput):
    user = UserOutput()


class KeyInput(StrictInput):
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
