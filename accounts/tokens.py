"""The two JWTs of a sign-in. What they stand for is in the database: see TokenFamily."""

import time
import uuid
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar

from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt import exceptions, tokens

FAMILY_CLAIM = "fam"
AccessToken = tokens.AccessToken
_Token = TypeVar("_Token", bound=tokens.Token)
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class TokenPair:
    access: str = field(repr=False)
    refresh: str = field(repr=False)


class RefreshToken(tokens.RefreshToken):
    def check_blacklist(self) -> None:
        """Not here: a used token must reach `rotate_refresh`, which ends its family."""


def read(kind: type[_Token], text: str) -> tuple[_Token, uuid.UUID]:
    """A token whose signature, type and time are right, and the family it says it is of."""
    try:
        token = kind(text)  # type: ignore[arg-type]  # annotated as a Token, documented as text
        return token, uuid.UUID(token[FAMILY_CLAIM])
    except exceptions.ExpiredTokenError:
        raise _expired() from None
    except (exceptions.TokenError, KeyError, ValueError, TypeError, AttributeError):
        raise AuthenticationFailed("This token is not valid.", code="token_invalid") from None


def _expired() -> AuthenticationFailed:
    return AuthenticationFailed("This token has expired.", code="token_expired")


def family_of(access_token: str) -> uuid.UUID:
    """The family of an access token. Its signature is verified once: it does not change, but time
    passes, and what has become of the family is asked each time by who calls this."""
    family, expires_at = _verified(access_token)
    if expires_at <= time.time():
        raise _expired()
    return family


def expiry_of(access_token: str) -> float:
    """In seconds of Unix time; AuthenticationFailed when it is no token of ours."""
    _, expires_at = _verified(access_token)
    return expires_at


@lru_cache(maxsize=_REMEMBERED)
def _verified(access_token: str) -> tuple[uuid.UUID, float]:
    """A refusal is an exception, and is not remembered."""
    token, family = read(AccessToken, access_token)
    return family, float(token["exp"])
