"""What an API key may do. A signed-in person needs no list: see `held_by_person`."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db.models import TextChoices


class Scope(TextChoices):
    LINKS_READ = "links:read", "read links and their statistics"
    LINKS_WRITE = "links:write", "create, change and delete links"
    QUESTS_READ = "quests:read", "read quests and progress"
    QUESTS_WRITE = "quests:write", "start and complete quests"
    EVIDENCE_WRITE = "evidence:write", "assert evidence about any player"
    ROOMS_READ = "rooms:read", "read rooms and messages"
    ROOMS_WRITE = "rooms:write", "create rooms and send messages"
    REALTIME_PUBLISH = "realtime:publish", "send to any user or room as the server"


ALL = frozenset(Scope)

# These speak for other people or for the server. If a player could grant them to a key of her
# own, she could assert her own evidence; only an operator holds them.
TRUSTED = frozenset({Scope.EVIDENCE_WRITE, Scope.REALTIME_PUBLISH})
PERSONAL = ALL - TRUSTED


def held_by_person(*, is_operator: bool) -> frozenset[Scope]:
    return ALL if is_operator else PERSONAL


def parse_scopes(names: Iterable[str]) -> list[Scope]:
    """The scopes with these names, sorted, without repetition; ValidationError names a stranger."""
    names = set(names)
    if unknown := sorted(names - ALL):
        raise ValidationError(
            f"There is no scope {unknown[0]!r}. The scopes are {', '.join(Scope)}."
        )
    return sorted(map(Scope, names))
