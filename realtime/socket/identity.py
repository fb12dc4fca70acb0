"""Who is behind a connection."""

from dataclasses import dataclass, field
from uuid import UUID

from channels.db import database_sync_to_async
from django.db import Error
from rest_framework.exceptions import AuthenticationFailed

from accounts import selectors, tokens
from realtime.socket.frames import Refusal


@dataclass(frozen=True, slots=True)
class Person:
    """`expires_at`, of her token, is Unix time."""

    id: int
    public_id: UUID
    username: str
    expires_at: float
    token: str = field(repr=False)


async def identify(token: str) -> Person:
    """Refusal with the code of why the token is not good, or `unavailable`."""
    try:
        person: Person = await database_sync_to_async(_identify)(token)
    except AuthenticationFailed as error:
        raise Refusal(str(error.get_codes()), str(error.detail)) from None
    except Error:
        raise unavailable() from None
    return person


def unavailable() -> Refusal:
    return Refusal("unavailable", "The service is away for a moment. Try again shortly.")


def _identify(token: str) -> Person:
    user = selectors.find_family(access_token=token).user
    return Person(user.pk, user.public_id, user.username, tokens.expiry_of(token), token)
