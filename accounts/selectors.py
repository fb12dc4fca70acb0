"""Who is behind a credential: one query each. A refusal says why, but only to its holder."""

import uuid

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from rest_framework.exceptions import AuthenticationFailed

from accounts import keys, tokens
from accounts.models import ApiKey, TokenFamily, User


def find_family(*, access_token: str) -> TokenFamily:
    """The sign-in (with its user) that an access token stands for, else AuthenticationFailed."""
    _, family_uuid = tokens.read(tokens.AccessToken, access_token)
    family = TokenFamily.objects.select_related("user").filter(uuid=family_uuid).first()
    return refuse_dead(family)


def refuse_dead(family: TokenFamily | None) -> TokenFamily:
    if family is None:
        raise AuthenticationFailed("This token is not valid.", code="token_invalid")
    _refuse_inactive(family.user)
    same_password = constant_time_compare(family.session_hash, family.user.get_session_auth_hash())
    if family.revoked_at or not same_password:
        raise AuthenticationFailed("This sign-in has ended.", code="token_revoked")
    return family


def find_api_key(*, text: str) -> ApiKey:
    """The key (with its user), else AuthenticationFailed. Only a right secret learns a reason."""
    invalid = AuthenticationFailed("This API key is not valid.", code="api_key_invalid")
    if (parts := keys.parse(text)) is None:
        raise invalid
    prefix, secret = parts
    key = ApiKey.objects.select_related("user").filter(prefix=prefix).first()
    if not keys.matches(secret, key.secret_hash if key else None) or key is None:
        raise invalid
    return _refuse_dead_key(key)


def _refuse_dead_key(key: ApiKey) -> ApiKey:
    if key.revoked_at:
        raise AuthenticationFailed("This API key was revoked.", code="api_key_revoked")
    if key.expires_at and key.expires_at <= timezone.now():
        raise AuthenticationFailed("This API key has expired.", code="api_key_expired")
    _refuse_inactive(key.user)
    return key


def unrevoked_keys(*, user: User) -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(user=user, revoked_at__isnull=True)


def get_own_key(*, user: User, public_id: uuid.UUID) -> ApiKey:
    """Http404 for somebody else's key as for none: an id must not be worth guessing."""
    return get_object_or_404(unrevoked_keys(user=user), public_id=public_id)


def _refuse_inactive(user: User) -> None:
    if not user.is_active:
        raise AuthenticationFailed("This account is not active.", code="user_inactive")
