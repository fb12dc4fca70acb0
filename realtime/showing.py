"""What the pages show of rooms."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings

from accounts.models import User
from realtime import rooms
from realtime.messages.history import read_history
from realtime.models import Member, Room

MOST_ROOMS = 200
MOST_MEMBERS = 100
_BIGGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ShownRoom:
    """`title` of a direct room is who else is in it."""

    room: Room
    title: str
    unread: int
    mentioned: int


def rooms_of(user: User) -> list[ShownRoom]:
    """Those in which she is named first, then those with something new."""
    mine = list(rooms.rooms_of(user).order_by("name", "pk")[:MOST_ROOMS])
    partners = _partners([room for room in mine if room.kind == Room.Kind.DIRECT], user)
    shown = [
        ShownRoom(room, partners.get(room.pk, room.name), room.unread, room.mentioned)  # type: ignore[attr-defined]  # annotated
        for room in mine
    ]
    return sorted(shown, key=lambda one: (not one.mentioned, not one.unread))


def room_page(room: Room, user: User, *, before: int | None = None) -> dict[str, Any]:
    """The newest messages, or those before a number; who is in the room; what she has read."""
    history = read_history(room=room, before=min(before, _BIGGEST) if before else None)
    member = Member.objects.filter(room=room, user=user).first()
    oldest = history.messages[0].seq if history.messages else history.first_seq
    return {
        "room": room,
        "title": _partners([room], user).get(room.pk, room.name),
        "member": member,
        "history": history,
        # To who comes in now, what was said before is not new.
        "read_seq": member.read_seq if member else history.seq,
        "is_newest": before is None,
        "older_before": oldest if oldest > history.first_seq else None,
        "people": room.members.filter(banned_at=None)
        .select_related("user")
        .order_by("user__username")[:MOST_MEMBERS],
        "csrf_cookie": settings.CSRF_COOKIE_NAME,
    }


def _partners(direct: list[Room], user: User) -> dict[int, str]:
    """By room, of those that are direct."""
    ids = [room.pk for room in direct if room.kind == Room.Kind.DIRECT]
    if not ids:
        return {}
    others = Member.objects.filter(room__in=ids).exclude(user=user)
    return dict(others.values_list("room_id", "user__username"))
