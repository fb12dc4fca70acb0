"""Who is behind a credential or a wallet. A refusal says why, but only to its holder."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from rest_framework.exceptions import AuthenticationFailed

from accounts import keys, tokens
from accounts.addresses import looks_like_wallet, to_checksum
from accounts.figures import Figures, figures_of
from accounts.models import ApiKey, TokenFamily, User, Wallet
from monitoring.postgresql.prepared import find_row


@dataclass(frozen=True, slots=True)
class Profile:
    user: User
    wallet_address: str | None  # in the form of EIP-55
    figures: Figures


def find_family(*, access_token: str) -> TokenFamily:
    """The sign-in (with its user) that an access token stands for, else AuthenticationFailed."""
    return refuse_dead(_read_family(tokens.family_of(access_token)))


def _columns(model: type[Model]) -> dict[str, str]:
    """Attributes of the model, and the column that each is kept in."""
    fields = model._meta.concrete_fields  # noqa: SLF001 - documented, whatever its name
    table = model._meta.db_table  # noqa: SLF001 - same
    return {field.attname: f'"{table}"."{field.column}"' for field in fields}


_OF_FAMILY, _OF_USER = _columns(TokenFamily), _columns(User)
FAMILY = f"""
SELECT {", ".join([*_OF_FAMILY.values(), *_OF_USER.values()])}
FROM accounts_tokenfamily JOIN accounts_user ON accounts_user.id = accounts_tokenfamily.user_id
WHERE accounts_tokenfamily.uuid = %(uuid)s
"""  # noqa: S608 - made of the models' own names


def _read_family(family_uuid: uuid.UUID) -> TokenFamily | None:
    """With its user. Every request of somebody signed in asks this: making Django's query cost a
    third of a millisecond, and planning it again most of what PostgreSQL spent."""
    return family_in(find_row(FAMILY, {"uuid": family_uuid}))


def family_in(row: tuple[Any, ...] | None) -> TokenFamily | None:
    """What FAMILY has found, with its user."""
    if row is None:
        return None
    family = TokenFamily.from_db(DEFAULT_DB_ALIAS, list(_OF_FAMILY), row[: len(_OF_FAMILY)])
    family.user = User.from_db(DEFAULT_DB_ALIAS, list(_OF_USER), row[len(_OF_FAMILY) :])
    return family


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


def find_wallet(address: str) -> Wallet | None:
    """The wallet (with its user) of an address as `parse_wallet` gives it."""
    return Wallet.objects.select_related("user").filter(address=address).first()


def find_person(text: str) -> User | None:
    """Whom an operator means: by username, or by a wallet's address in any case."""
    if looks_like_wallet(text):
        wallet = find_wallet(text.lower())
        return wallet.user if wallet else None
    return User.objects.filter(username__iexact=User.normalize_username(text)).first()


def primary_addresses(user_ids: Iterable[int]) -> dict[int, str]:
    """In the form of EIP-55, by user id; those who have no wallet are not in it."""
    rows = Wallet.objects.filter(user_id__in=list(user_ids), is_primary=True)
    return {
        user_id: to_checksum(address) for user_id, address in rows.values_list("user_id", "address")
    }


def wallets_of(*, user: User) -> QuerySet[Wallet]:
    return user.wallets.all()


def profile_of(*, user: User) -> Profile:
    return Profile(user, primary_addresses([user.pk]).get(user.pk), figures_of([user.pk])[user.pk])


def _refuse_inactive(user: User) -> None:
    if not user.is_active:
        raise AuthenticationFailed("This account is not active.", code="user_inactive")
