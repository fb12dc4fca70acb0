"""Every write of the accounts but those about wallets: sign-ins, refresh rotation, API keys.

Refresh tokens are used once. Rotation locks the family's row first, so of two callers with the
same token exactly one gets a new pair; the other has shown that the token is in two hands, and
the family ends for both. There is no grace period: a thief would use it too.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.utils import datetime_from_epoch

from accounts import house, keys, tokens
from accounts.addresses import looks_like_wallet
from accounts.events import announce_people_after_commit, announce_sign_ins_after_commit
from accounts.models import ApiKey, LoginNonce, TokenFamily, User
from accounts.scopes import parse_scopes
from accounts.selectors import refuse_dead
from accounts.tokens import RefreshToken, TokenPair
from monitoring.wire.problem import Problem

logger = structlog.get_logger("rallypoint.accounts")

# How stale `last_used_at` of a key may be: a busy key must not mean a write a request.
KEY_USE_PRECISION = timedelta(minutes=1)


# --- Signing in -----------------------------------------------------------------------------------
def sign_in(*, request: HttpRequest, username: str, password: str) -> TokenPair:
    """Failures are counted by django-axes, which needs the request that its middleware sees."""
    user = authenticate(request=request, username=username, password=password)
    if not isinstance(user, User):
        raise AuthenticationFailed("Wrong username or password.", code="credentials_invalid")
    user_logged_in.send(sender=User, request=request, user=user)
    return issue_tokens(user=user)


@transaction.atomic
def issue_tokens(*, user: User) -> TokenPair:
    """Begins a new family: one sign-in of somebody whose identity is already proven."""
    return _mint(TokenFamily(user=user, session_hash=user.get_session_auth_hash()))


def rotate_refresh(*, token: str) -> TokenPair:
    """A new pair for a refresh token that was never used; a used one ends its family."""
    pair = _rotate_once(token)
    if pair is None:
        raise AuthenticationFailed(
            "This refresh token was used before, so its sign-in has ended.", code="token_reused"
        )
    return pair


@transaction.atomic
def _rotate_once(text: str) -> TokenPair | None:
    """None for a used token: an exception here would roll the revocation back."""
    token, family_uuid = tokens.read(RefreshToken, text)
    family = refuse_dead(
        TokenFamily.objects.select_for_update(of=("self",))
        .select_related("user")
        .filter(uuid=family_uuid)
        .first()
    )
    if _spend(token):
        return _mint(family)
    _revoke(TokenFamily.objects.filter(pk=family.pk), TokenFamily.Reason.REUSED)
    logger.warning("refresh_reused", family=str(family.uuid), user=str(family.user.public_id))
    return None


def _spend(token: RefreshToken) -> bool:
    """Whether the token was unused until now."""
    outstanding = OutstandingToken.objects.filter(jti=token[api_settings.JTI_CLAIM]).first()
    if outstanding is None:
        raise AuthenticationFailed("This token is not valid.", code="token_invalid")
    _, first_use = BlacklistedToken.objects.get_or_create(token=outstanding)
    return first_use


def _mint(family: TokenFamily) -> TokenPair:
    refresh = RefreshToken()
    refresh[api_settings.USER_ID_CLAIM] = str(family.user.public_id)
    refresh[tokens.FAMILY_CLAIM] = str(family.uuid)
    expires_at = datetime_from_epoch(refresh["exp"])
    OutstandingToken.objects.create(
        user=family.user,
        jti=refresh[api_settings.JTI_CLAIM],
        token="",  # the id is enough; a stolen table must not hold working tokens
        created_at=refresh.current_time,
        expires_at=expires_at,
    )
    family.last_used_at, family.expires_at = refresh.current_time, expires_at
    family.save()
    return TokenPair(access=str(refresh.access_token), refresh=str(refresh))


# --- Signing out ----------------------------------------------------------------------------------
def sign_out(*, token: str) -> None:
    """Ends the sign-in of a refresh token, used or not; a second time is no error."""
    _, family_uuid = tokens.read(RefreshToken, token)
    sign_out_family(family_uuid=family_uuid)


def sign_out_family(*, family_uuid: UUID) -> None:
    _revoke(TokenFamily.objects.filter(uuid=family_uuid), TokenFamily.Reason.SIGNED_OUT)


def sign_out_everywhere(*, user: User) -> int:
    """How many sign-ins ended. Browser sessions go on: a new password is what ends those."""
    families = TokenFamily.objects.filter(user=user)
    return _revoke(families, TokenFamily.Reason.SIGNED_OUT_EVERYWHERE)


def revoke_families(*, families: QuerySet[TokenFamily]) -> int:
    return _revoke(families, TokenFamily.Reason.OPERATOR)


def _revoke(families: QuerySet[TokenFamily], reason: TokenFamily.Reason) -> int:
    unrevoked = families.filter(revoked_at__isnull=True)
    people = set(unrevoked.values_list("user_id", flat=True))
    revoked = unrevoked.update(revoked_at=timezone.now(), revoked_reason=reason)
    announce_sign_ins_after_commit(*people)
    return revoked


# --- What she shows of herself --------------------------------------------------------------------
def rename(*, user: User, username: str, expected_version: int) -> User:
    """She, with her new name and version.

    ValidationError for what can't be a name; Problem 409 `username_taken`; Problem 412
    `version_stale` with the current `version` when somebody changed her in the meantime.
    """
    name = _valid_username(user, username)
    current = User.objects.filter(pk=user.pk, version=expected_version)
    try:
        with transaction.atomic():
            renamed = current.update(username=name, version=F("version") + 1)
    except IntegrityError:
        raise Problem("username_taken", "Somebody has this name already.", status=409) from None
    announce_people_after_commit(user.pk)
    fresh = User.objects.get(pk=user.pk)
    if not renamed:
        detail = "This was changed in the meantime. Read it again."
        raise Problem("version_stale", detail, status=412, version=fresh.version)
    return fresh


def _valid_username(user: User, username: str) -> str:
    """As it will be kept. The address of a wallet is a name for its owner only."""
    name = User.normalize_username(username)
    if name.casefold() == house.NAME:
        raise ValidationError({"username": "This is the name of the service itself."})
    try:
        User._meta.get_field("username").clean(name, user)  # noqa: SLF001 - public, Django says
    except ValidationError as error:
        raise ValidationError({"username": error.messages}) from None
    hers = user.wallets.filter(address=name.lower())
    if looks_like_wallet(name.lower()) and not hers.exists():
        raise ValidationError({"username": "This is the address of a wallet that is not yours."})
    return name


# --- API keys -------------------------------------------------------------------------------------
def create_api_key(
    *, user: User, name: str, scopes: Iterable[str], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """The key and its text, which can't be had a second time. ValidationError says what is wrong.

    Whoever calls this decides what may be granted: see `accounts.permissions.held_scopes`.
    """
    if expires_at and expires_at <= timezone.now():
        raise ValidationError("An API key must expire in the future.")
    new = keys.mint()
    key = ApiKey(
        user=user,
        name=name,
        prefix=new.prefix,
        secret_hash=new.secret_hash,
        scopes=parse_scopes(scopes),
        expires_at=expires_at,
    )
    key.clean_fields(exclude=["user"])
    key.save(force_insert=True)
    return key, new.text


def create_service_user(*, username: str) -> User:
    """Somebody without a password, who comes with API keys only."""
    user = User(username=User.normalize_username(username))
    user.set_unusable_password()
    user.full_clean()
    user.save()
    return user


def revoke_api_key(*, key: ApiKey) -> None:
    """The row stays, so that it is known later which key did what."""
    ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())


def note_key_use(*, key: ApiKey) -> None:
    """Writes at most once a minute: the condition is in the row, so racing requests agree."""
    now = timezone.now()
    if key.last_used_at and key.last_used_at > now - KEY_USE_PRECISION:
        return
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - KEY_USE_PRECISION)
    ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


# --- Forgetting -----------------------------------------------------------------------------------
def forget_expired() -> None:
    """What has expired refuses by itself; these rows only cost room."""
    now = timezone.now()
    _delete_in_batches(OutstandingToken.objects.filter(expires_at__lte=now))
    _delete_in_batches(TokenFamily.objects.filter(expires_at__lte=now))
    _delete_in_batches(LoginNonce.objects.filter(expires_at__lte=now))
    _delete_in_batches(
        AccessAttempt.objects.filter(attempt_time__lte=now - settings.AXES_COOLOFF_TIME)
    )
    _delete_in_batches(Session.objects.filter(expire_date__lte=now))


def _delete_in_batches(rows: QuerySet[Any], size: int = 1000) -> None:
    """Short transactions: a sign-in never waits for the broom."""
    while batch := list(rows.values_list("pk", flat=True)[:size]):
        rows.filter(pk__in=batch).delete()
