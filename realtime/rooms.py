"""Making, changing, closing and finding rooms."""

import hashlib
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404
from django.utils import timezone

from accounts.models import User
from monitoring.wire.problems import Problem
from realtime import members
from realtime.events import announce_closing_after_commit
from realtime.models import Member, Message, Room
from realtime.presence import selectors

MAX_OWNED = 100
# Addresses of pages and of the API have these names where a room's slug would stand.
RESERVED = frozenset({"direct", "mine", "token"})
# Of direct rooms, whose slugs can be reckoned from who is in them: nobody may be there first.
DIRECT_PREFIX = "direct-"


@transaction.atomic
def create_room(
    *, creator: User, slug: str, name: str, kind: Room.Kind = Room.Kind.PUBLIC, topic: str = ""
) -> Room:
    """Its creator owns it. Problems (409): `slug_taken`, `slug_reserved`; `too_many_rooms` for who
    owns MAX_OWNED. Two people have one direct room: see `direct_room`."""
    if slug in RESERVED:
        raise Problem("slug_reserved", "This address is taken by a page.", status=409)
    if slug.startswith(DIRECT_PREFIX):
        detail = f"An address that begins with {DIRECT_PREFIX} is that of a direct room."
        raise Problem("slug_reserved", detail, status=409)
    open_ones = Member.objects.filter(user=creator, role=Member.Role.OWNER, room__closed_at=None)
    if open_ones.count() >= MAX_OWNED:
        detail = f"You own {MAX_OWNED} rooms. Close one first."
        raise Problem("too_many_rooms", detail, status=409)
    try:
        with transaction.atomic():
            room = Room.objects.create(
                slug=slug, name=name, kind=kind, topic=topic, created_by=creator
            )
    except IntegrityError:
        raise Problem("slug_taken", "There is a room with this slug.", status=409) from None
    Member.objects.create(room=room, user=creator, role=Member.Role.OWNER)
    return room


@transaction.atomic
def direct_room(*, one: User, other: User) -> tuple[Room, bool]:
    """The room of these two, and whether it is new. Problem (400) `direct_with_yourself`."""
    if one.pk == other.pk:
        raise Problem("direct_with_yourself", "A direct room is for two people.", status=400)
    room, is_new = Room.objects.get_or_create(
        slug=_direct_slug(one, other),
        kind=Room.Kind.DIRECT,
        defaults={"name": "", "created_by": one},
    )
    if is_new:
        Member.objects.bulk_create(Member(room=room, user=user) for user in (one, other))
    return room, is_new


@transaction.atomic
def update_room(*, room: Room, actor: User, expected_version: int | None, **fields: Any) -> Room:
    """`name`, `topic`, `kind`. Problems: `owner_required` (403), `room_closed` (409),
    `version_stale` (412)."""
    room = Room.objects.select_for_update(no_key=True).get(pk=room.pk)
    members.refuse_unless_owner(room, actor)
    members.refuse_closed(room)
    if expected_version is not None and room.version != expected_version:
        detail = "Somebody else has changed this room. Look at it again."
        raise Problem("version_stale", detail, status=412, version=room.version)
    for name, value in fields.items():
        setattr(room, name, value)
    room.version += 1
    room.save(update_fields=[*fields, "version"])
    return room


@transaction.atomic
def close_room(*, room: Room, actor: User) -> Room:
    """Nobody comes in or speaks any more; what was said stays for operators. Twice changes
    nothing. Problem (403) `owner_required`."""
    room = Room.objects.select_for_update(no_key=True).get(pk=room.pk)
    members.refuse_unless_owner(room, actor)
    if room.closed_at is None:
        room.closed_at = timezone.now()
        room.save(update_fields=["closed_at"])
        announce_closing_after_commit(room.pk)
    return room


def find_room(slug: str, user: User) -> Room:
    """An open room that she may look into. Http404 for one that is closed, not there or not hers,
    all alike; Problem (403) `banned`."""
    room = Room.objects.filter(slug=slug, closed_at=None).first()
    if room is None:
        raise Http404
    member = Member.objects.filter(room=room, user=user).first()
    if member and member.banned_at:
        raise Problem("banned", "You are banned from this room.", status=403)
    if not (member or room.kind == Room.Kind.PUBLIC or members.may_moderate(room, user)):
        raise Http404
    return room


def rooms_of(user: User) -> "QuerySet[Room]":
    """Open rooms that she is in, with `unread` messages and `mentioned`, how many of them name
    her."""
    mine = Member.objects.filter(room=OuterRef("pk"), user=user)
    naming = Message.objects.filter(
        room=OuterRef("pk"), seq__gt=OuterRef("read_seq"), mentions__contains=[user.pk]
    )
    return (
        Room.objects.filter(closed_at=None, members__user=user, members__banned_at=None)
        .annotate(read_seq=Subquery(mine.values("read_seq")), role=Subquery(mine.values("role")))
        .annotate(
            unread=F("last_seq") - F("read_seq"),
            mentioned=Coalesce(
                Subquery(naming.order_by().values("room").annotate(n=Count("*")).values("n")), 0
            ),
        )
    )


def public_rooms() -> "QuerySet[Room]":
    return Room.objects.filter(closed_at=None, kind=Room.Kind.PUBLIC)


def live_rooms(*, limit: int) -> list[tuple[Room, int]]:
    """Open rooms in which people are now, and how many, fullest first. Problem (503)
    `presence_unavailable`."""
    counts = selectors.fullest_rooms(limit)
    rooms = Room.objects.filter(closed_at=None).in_bulk(list(counts))
    return [(rooms[pk], count) for pk, count in counts.items() if pk in rooms]


def search(rooms: "QuerySet[Room]", text: str) -> "QuerySet[Room]":
    return rooms.filter(Q(name__icontains=text) | Q(slug__icontains=text))


def _direct_slug(*two: User) -> str:
    """The same for both. Nobody guesses it, and it is no secret: who is in it is what counts."""
    ids = "".join(sorted(user.public_id.hex for user in two))
    return f"{DIRECT_PREFIX}{hashlib.sha256(ids.encode()).hexdigest()[:32]}"
