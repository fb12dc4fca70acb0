"""Who is behind a connection."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from rest_framework.exceptions import AuthenticationFailed

from accounts import selectors, tokens
from realtime.socket.frames import Refusal

# A query and its values: the row, if there is one.
FindRow = Callable[[str, dict[str, Any]], Awaitable[tuple[Any, ...] | None]]


@dataclass(frozen=True, slots=True)
class Person:
    """`expires_at`, of her token, is Unix time."""

    id: int
    public_id: UUID
    username: str
    expires_at: float
    token: str = field(repr=False)


async def identify(token: str, find_row: FindRow) -> Person:
    """Refusal with the code of why the token is not good, or `unavailable`."""
    try:
        family = {"uuid": tokens.family_of(token)}
        row = await find_row(selectors.FAMILY, family)
        user = selectors.refuse_dead(selectors.family_in(row)).user
    except AuthenticationFailed as error:
        raise Refusal(str(error.get_codes()), str(error.detail)) from None
    return Person(user.pk, user.public_id, user.username, tokens.expiry_of(token), token)


def unavailable() -> Refusal:
    return Refusal("unavailable", "The service is away for a moment. Try again shortly.")
