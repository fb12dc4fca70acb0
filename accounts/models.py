"""People, their wallets, sign-ins and API keys. Invariants live in the database as constraints."""

import uuid
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils import timezone

from accounts.addresses import PATTERN, to_checksum
from accounts.scopes import Scope

_SHA256 = "^[0-9a-f]{64}$"


class UserManager(DjangoUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        """Alice and ALICE are one person. Django's iexact compares UPPER(): our index serves it."""
        return self.get(username__iexact=User.normalize_username(username or ""))

    async def aget_by_natural_key(self, username: str | None) -> "User":
        return await self.aget(username__iexact=User.normalize_username(username or ""))


class User(AbstractUser):
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # Of what she shows of herself; moves with every change of it (services.rename).
    version = models.PositiveIntegerField(default=1, db_default=1, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(
                Upper("username"),
                name="accounts_user_username_any_case",
                violation_error_message="A user with that username already exists.",
            ),
            models.CheckConstraint(condition=~Q(username=""), name="accounts_user_has_username"),
        ]


class Wallet(models.Model):
    """An address whose key somebody has shown to hold. It signs her in."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="wallets")
    address = models.CharField(max_length=42, unique=True, editable=False)
    # The one that the world sees. Services keep it at one for everybody who has a wallet.
    is_primary = models.BooleanField(default=False, editable=False)
    linked_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(address__regex=PATTERN), name="accounts_wallet_address_in_lower_case"
            ),
            models.UniqueConstraint(
                fields=["user"], condition=Q(is_primary=True), name="accounts_wallet_one_primary"
            ),
        ]

    def __str__(self) -> str:
        return to_checksum(self.address)


class LoginNonce(models.Model):
    """A nonce that was given out, and the browser it was given to: see accounts.nonces."""

    nonce_hash = models.CharField(max_length=64, primary_key=True, editable=False)
    binding_hash = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(editable=False)
    expires_at = models.DateTimeField(db_index=True, editable=False)
    # Kept until it expires, so that a second use is told from a nonce that never was.
    consumed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(nonce_hash__regex=_SHA256, binding_hash__regex=_SHA256),
                name="accounts_loginnonce_keeps_hashes",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")),
                name="accounts_loginnonce_expires_after_creation",
            ),
        ]

    def __str__(self) -> str:
        return f"until {self.expires_at:%Y-%m-%d %H:%M}"


class TokenFamily(models.Model):
    """One sign-in. Every token that descends from it carries its uuid as the claim `fam`."""

    class Reason(models.TextChoices):
        SIGNED_OUT = "signed_out", "signed out"
        SIGNED_OUT_EVERYWHERE = "signed_out_everywhere", "signed out everywhere"
        REUSED = "reused", "a refresh token was used twice"
        OPERATOR = "operator", "revoked by an operator"

    caller_kind = "token"  # for the log line of a request

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="token_families")
    # The user's session hash at sign-in: a new password ends every sign-in made with the old one.
    session_hash = models.CharField(max_length=128, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # Moves with every refresh, not with every request.
    last_used_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(db_index=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_reason = models.CharField(
        max_length=32, choices=Reason, blank=True, default="", editable=False
    )

    class Meta:
        verbose_name = "sign-in"
        verbose_name_plural = "sign-ins"
        constraints = [
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoked_reason="")
                | (Q(revoked_at__isnull=False) & ~Q(revoked_reason="")),
                name="accounts_tokenfamily_revoked_with_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} since {self.created_at:%Y-%m-%d %H:%M}"


class ApiKey(models.Model):
    """`rp_<prefix>_<secret>`: the prefix finds the row; of the secret only a keyed hash is kept."""

    caller_kind = "api_key"  # for the log line of a request

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    scopes = ArrayField(models.CharField(max_length=32, choices=Scope))
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="accounts_apikey_has_name"),
            models.CheckConstraint(
                condition=Q(scopes__len__gt=0), name="accounts_apikey_has_scopes"
            ),
            models.CheckConstraint(
                condition=Q(secret_hash__regex=_SHA256),
                name="accounts_apikey_keeps_a_hash",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("created_at")),
                name="accounts_apikey_expires_after_creation",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} (rp_{self.prefix}_…)"
