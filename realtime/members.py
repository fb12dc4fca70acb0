"""Who is in a room, and what one of them may do to another.

An owner may do everything, a moderator may let in, mute, kick and ban those who are neither.
Operators are owners of every room but direct ones.
"""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from monitoring.wire.problems import Problem
from realtime.events import announce_removal_after_commit
from realtime.models import Member, Mute, Room

_POWERS = {Member.Role.OWNER.value: 2, Member.Role.MODERATOR.value: 1}


@transaction.atomic
def join_room(*, room: Room, user: User) -> Member:
    """Into a public room, or one that she is in already. What was said before counts as read.
    Problems (403): `banned`, `not_invited`; (409) `room_closed`."""
    room = _locked(room)
    member = Member.objects.filter(room=room, user=user).first()
    if member is None and room.kind != Room.Kind.PUBLIC:
        raise Problem("not_invited", "Somebody in this room must let you in.", status=403)
    return member if member and not member.banned_at else _let_in(room, user, member)


@transaction.atomic
def add_member(*, room: Room, actor: User, user: User) -> Member:
    """Let somebody into a room. Problems: `moderator_required` (403), `room_direct` (409), and
    those of `join_room`."""
    room = _locked(room)
    refuse_unless_moderator(room, actor)
    _refuse_direct(room)
    member = Member.objects.filter(room=room, user=user).first()
    return member if member and not member.banned_at else _let_in(room, user, member)


@transaction.atomic
def leave_room(*, room: Room, user: User) -> None:
    """Problem (409) `owner_stays`: a room has one, who passes it on or closes it. Direct rooms are
    left by nobody: `room_direct`."""
    room = _locked(room)
    _refuse_direct(room)
    member = Member.objects.filter(room=room, user=user, banned_at=None).first()
    if member and member.role == Member.Role.OWNER:
        detail = "Make somebody else the owner first, or close the room."
        raise Problem("owner_stays", detail, status=409)
    if member:
        _take_out(member)
        announce_removal_after_commit(room.pk, user.pk, "left")


@transaction.atomic
def set_role(*, room: Room, actor: User, user: User, role: Member.Role) -> Member:
    """By the owner; a new owner makes a moderator of the old one. Problems: `owner_required` (403),
    `not_a_member` (404), `owner_stays` (409)."""
    room = _locked(room)
    refuse_unless_owner(room, actor)
    member = _present(room, user)
    if member.role == role:
        return member
    if member.role == Member.Role.OWNER:
        raise Problem("owner_stays", "Make somebody else the owner instead.", status=409)
    if role == Member.Role.OWNER:
        owners = Member.objects.filter(room=room, role=Member.Role.OWNER)
        owners.update(role=Member.Role.MODERATOR)
    member.role = role
    member.save(update_fields=["role"])
    return member


@transaction.atomic
def mute(*, room: Room, actor: User, user: User, until: datetime | None) -> Member:
    """She reads and may not speak until then; None lets her speak. Problems: `moderator_required`,
    `outranked` (403), `not_a_member` (404)."""
    member = _present(_locked(room), user)
    _refuse_unless_above(actor, member)
    member.muted_until = until
    member.save(update_fields=["muted_until"])
    Mute.objects.filter(room=room, user=user).delete()
    return member


@transaction.atomic
def kick(*, room: Room, actor: User, user: User) -> None:
    """She is out, and may come back as anybody may. Problems as for `mute`."""
    member = _present(_locked(room), user)
    _refuse_unless_above(actor, member)
    _take_out(member)
    announce_removal_after_commit(room.pk, user.pk, "kicked")


@transaction.atomic
def ban(*, room: Room, actor: User, user: User) -> Member:
    """She is out and stays out; also who was never in. Problems: `moderator_required`, `outranked`
    (403), `room_direct` (409)."""
    room = _locked(room)
    _refuse_direct(room)
    member = Member.objects.filter(room=room, user=user).first() or Member(room=room, user=user)
    _refuse_unless_above(actor, member)
    if member.banned_at is None:
        member.banned_at, member.role = timezone.now(), Member.Role.MEMBER
        member.save()
        announce_removal_after_commit(room.pk, user.pk, "banned")
    return member


@transaction.atomic
def unban(*, room: Room, actor: User, user: User) -> None:
    """She may come back, and is not in until she does. Problem (403) `moderator_required`."""
    room = _locked(room)
    refuse_unless_moderator(room, actor)
    member = Member.objects.filter(room=room, user=user).exclude(banned_at=None).first()
    if member:
        _take_out(member)


@transaction.atomic
def mark_read(*, room: Room, user: User, seq: int) -> Member:
    """She has seen everything up to `seq`; it never goes back, nor beyond what there is. Problem
    (403) `not_a_member`."""
    member = Member.objects.select_for_update().filter(room=room, user=user, banned_at=None).first()
    if member is None:
        raise _not_a_member(403)
    newest = Room.objects.values_list("last_seq", flat=True).get(pk=room.pk)
    if (reached := min(seq, newest)) > member.read_seq:
        member.read_seq = reached
        member.save(update_fields=["read_seq"])
    return member


def may_moderate(room: Room, user: User) -> bool:
    return _power(room, user) >= _POWERS[Member.Role.MODERATOR]


def refuse_silenced(room: Room, user: User) -> None:
    """Problems (403) `not_a_member`, `banned`, `muted`; (409) `room_closed`."""
    refuse_closed(room)
    member = Member.objects.filter(room=room, user=user).first()
    if member is None:
        raise _not_a_member(403)
    if member.banned_at:
        raise Problem("banned", "You are banned from this room.", status=403)
    if member.muted_until and member.muted_until > timezone.now():
        raise Problem("muted", "You are muted in this room for now.", status=403)


def refuse_unless_moderator(room: Room, actor: User) -> None:
    if not may_moderate(room, actor):
        detail = "Only a moderator of this room can do this."
        raise Problem("moderator_required", detail, status=403)


def refuse_unless_owner(room: Room, actor: User) -> None:
    if _power(room, actor) < _POWERS[Member.Role.OWNER]:
        raise Problem("owner_required", "Only the owner of this room can do this.", status=403)


def _power(room: Room, user: User) -> int:
    if user.is_staff and room.kind != Room.Kind.DIRECT:
        return max(_POWERS.values())
    role = Member.objects.filter(room=room, user=user).values_list("role", flat=True).first()
    return _POWERS.get(role or "", 0)


def _refuse_unless_above(actor: User, member: Member) -> None:
    refuse_unless_moderator(member.room, actor)
    if _POWERS.get(member.role, 0) >= _power(member.room, actor) or actor.pk == member.user_id:
        raise Problem("outranked", "You cannot do this to them.", status=403)


def _let_in(room: Room, user: User, banned: Member | None) -> Member:
    if banned is not None:
        raise Problem("banned", "Who is banned from this room cannot be in it.", status=403)
    mute = Mute.objects.filter(room=room, user=user, until__gt=timezone.now()).first()
    return Member.objects.create(
        room=room, user=user, read_seq=room.last_seq, muted_until=mute.until if mute else None
    )


def _take_out(member: Member) -> None:
    """Whoever is muted comes back muted."""
    if member.muted_until and member.muted_until > timezone.now():
        Mute.objects.update_or_create(
            room=member.room, user=member.user, defaults={"until": member.muted_until}
        )
    member.delete()


def forget_past_mutes() -> None:
    Mute.objects.filter(until__lt=timezone.now()).delete()


def _locked(room: Room) -> Room:
    """Who comes and goes takes turns with who closes the room; those who only talk in it do not
    wait longer than for one message."""
    room = Room.objects.select_for_update(no_key=True).get(pk=room.pk)
    refuse_closed(room)
    return room


def _present(room: Room, user: User) -> Member:
    member = Member.objects.select_related("room").filter(room=room, user=user).first()
    if member is None or member.banned_at:
        raise _not_a_member(404)
    return member


def _not_a_member(status: int) -> Problem:
    return Problem("not_a_member", "They are not in this room.", status=status)


def refuse_closed(room: Room) -> None:
    """Problem (409) `room_closed`."""
    if room.closed_at:
        raise Problem("room_closed", "This room is closed.", status=409)


def _refuse_direct(room: Room) -> None:
    if room.kind == Room.Kind.DIRECT:
        detail = "A direct room has the two people that it was made for."
        raise Problem("room_direct", detail, status=409)
