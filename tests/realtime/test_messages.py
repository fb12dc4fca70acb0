"""A message is stored once, under a number without gaps, and only for who may speak."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from monitoring.wire.problems import Problem
from realtime import members, rooms
from realtime.messages.editing import delete_message, edit_message
from realtime.messages.history import read_history
from realtime.messages.posting import post_message, store
from realtime.messages.retention import forget_old_messages
from realtime.messages.statement import STORE, Draft, names_in, parameters
from realtime.models import Message, Mute, Room
from realtime.reconciliation import reconcile
from realtime.tasks import forget_messages
from tests.realtime.conftest import MakeRoom
from tests.together import together

pytestmark = pytest.mark.django_db


def say(room: Room, sender: User, *bodies: str) -> list[Message]:
    return [post_message(room=room, sender=sender, body=body)[0] for body in bodies]


# --- Storing --------------------------------------------------------------------------------------
def test_messages_are_numbered_from_one(alice: User, bob: User, make_room: MakeRoom) -> None:
    room, other = make_room(bob), make_room(slug="other")
    say(room, alice, "one")
    say(other, alice, "elsewhere")
    say(room, bob, "two")
    assert [(m.seq, m.body) for m in read_history(room=room).messages] == [(1, "one"), (2, "two")]
    assert reconcile().is_clean


def test_what_is_sent_again_is_the_message_that_it_was(
    alice: User, bob: User, make_room: MakeRoom
) -> None:
    room = make_room(bob)
    first, is_new = post_message(room=room, sender=alice, body="Hi", client_id="a-1")
    again, is_new_again = post_message(room=room, sender=alice, body="Hi", client_id="a-1")
    assert (first, is_new, is_new_again) == (again, True, False)
    other, is_new = post_message(room=room, sender=bob, body="Hi", client_id="a-1")
    assert (other.seq, is_new) == (2, True)


def test_several_at_once_follow_each_other_and_each_is_judged_alone(
    alice: User, bob: User, charlie: User, make_room: MakeRoom
) -> None:
    room = make_room(bob)
    say(room, alice, "before")
    drafts = [
        Draft(alice.pk, "one", "a"),
        Draft(charlie.pk, "I am not in it"),
        Draft(bob.pk, "two"),
        Draft(alice.pk, "one", "a"),
        Draft(bob.pk, "two"),
    ]
    stored = store(room_id=room.pk, drafts=drafts)
    assert [(s.seq, s.is_new, s.refusal) for s in stored] == [
        (2, True, None),
        (None, False, "not_a_member"),
        (3, True, None),
        (2, False, None),
        (4, True, None),
    ]
    assert reconcile().is_clean


@pytest.mark.django_db(transaction=True)
def test_numbers_have_no_gaps_though_many_speak_and_repeat_themselves_at_once(
    alice: User, bob: User, make_room: MakeRoom
) -> None:
    room = make_room(bob)
    with together(16) as run:
        results = run(
            lambda n: [
                post_message(
                    room=room,
                    sender=(alice, bob)[n % 2],
                    body=f"{n // 4} {turn}",
                    # Two callers each send the same, at the same moment.
                    client_id=f"{n // 4}-{turn}" if n % 2 else "",
                )[0].seq
                for turn in range(10)
            ]
        )
    # Eight callers say something new each time; of the other eight, every two say the same.
    assert sorted({seq for seqs in results for seq in seqs}) == list(range(1, 121))
    assert reconcile().is_clean


def muted(room: Room, alice: User, bob: User) -> None:
    members.mute(room=room, actor=alice, user=bob, until=timezone.now() + timedelta(hours=1))


def unmuted_by_time(room: Room, alice: User, bob: User) -> None:
    members.mute(room=room, actor=alice, user=bob, until=timezone.now() - timedelta(seconds=1))


def banned(room: Room, alice: User, bob: User) -> None:
    members.ban(room=room, actor=alice, user=bob)


def kicked(room: Room, alice: User, bob: User) -> None:
    members.kick(room=room, actor=alice, user=bob)


def left(room: Room, alice: User, bob: User) -> None:
    del alice
    members.leave_room(room=room, user=bob)


def banned_for_a_time(room: Room, alice: User, bob: User) -> None:
    banned(room, alice, bob)
    members.unban(room=room, actor=alice, user=bob)


def closed(room: Room, alice: User, bob: User) -> None:
    del bob
    rooms.close_room(room=room, actor=alice)


def deactivated(room: Room, alice: User, bob: User) -> None:
    del room, alice
    User.objects.filter(pk=bob.pk).update(is_active=False)


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        (muted, "muted"),
        (banned, "banned"),
        (kicked, "not_a_member"),
        (closed, "room_closed"),
        (deactivated, "user_inactive"),
        (unmuted_by_time, None),
    ],
)
def test_who_may_not_speak_is_told_why(
    alice: User, bob: User, make_room: MakeRoom, deed: Any, code: str | None
) -> None:
    room = make_room(bob)
    deed(room, alice, bob)
    if code is None:
        assert say(room, bob, "Hello")[0].seq == 1
        return
    with pytest.raises(Problem) as refused:
        say(room, bob, "Hello")
    assert refused.value.code == code
    assert not Message.objects.exists()


# --- Names ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("@bob and @Bob, @al.ice.", ["BOB", "AL.ICE"]),
        ("mail bob@example.org, @@bob", []),
        ("(@bob)", ["BOB"]),
        (" ".join(f"@n{number}" for number in range(30)), [f"N{number}" for number in range(20)]),
    ],
)
def test_names_in_a_message(body: str, names: list[str]) -> None:
    assert names_in(body) == names


def test_who_is_named_finds_it_among_her_rooms(
    alice: User, bob: User, charlie: User, make_room: MakeRoom
) -> None:
    room = make_room(bob)
    say(room, alice, "one", "for @BOB and @charlie", "three")
    (mine,) = rooms.rooms_of(bob)
    assert (mine.unread, mine.mentioned) == (3, 1)
    members.mark_read(room=room, user=bob, seq=2)
    (mine,) = rooms.rooms_of(bob)
    assert (mine.unread, mine.mentioned) == (1, 0)
    assert Message.objects.get(seq=2).mentions == [bob.pk]
    assert not rooms.rooms_of(charlie)


def test_reading_goes_forward_and_no_further_than_there_is(
    alice: User, bob: User, make_room: MakeRoom
) -> None:
    room = make_room(bob)
    say(room, alice, "one", "two")
    read = [members.mark_read(room=room, user=bob, seq=seq).read_seq for seq in (1, 99, 1)]
    assert read == [1, 2, 2]


@pytest.mark.parametrize("go", [left, kicked, banned_for_a_time])
def test_who_is_muted_is_muted_when_she_comes_back(
    alice: User, bob: User, make_room: MakeRoom, go: Callable[..., Any]
) -> None:
    room = make_room(bob)
    until = timezone.now() + timedelta(hours=1)
    members.mute(room=room, actor=alice, user=bob, until=until)
    go(room, alice, bob)
    assert members.join_room(room=room, user=bob).muted_until == until
    members.mute(room=room, actor=alice, user=bob, until=None)
    go(room, alice, bob)
    assert members.join_room(room=room, user=bob).muted_until is None


def test_mutes_that_are_over_are_forgotten(alice: User, bob: User, make_room: MakeRoom) -> None:
    room = make_room()
    now = timezone.now()
    Mute.objects.create(room=room, user=bob, until=now - timedelta(seconds=1))
    Mute.objects.create(room=room, user=alice, until=now + timedelta(hours=1))
    assert members.join_room(room=room, user=bob).muted_until is None
    forget_messages()
    assert [mute.user for mute in Mute.objects.all()] == [alice]


def test_who_speaks_has_read_what_was_said_and_calls_nobody_by_her_own_name(
    alice: User, bob: User, make_room: MakeRoom
) -> None:
    room = make_room(bob)
    say(room, alice, "@bob", "one", "@alice @bob")
    say(room, bob, "@bob")
    assert [(mine.unread, mine.mentioned) for mine in rooms.rooms_of(bob)] == [(0, 0)]
    assert [(mine.unread, mine.mentioned) for mine in rooms.rooms_of(alice)] == [(1, 0)]
    changed = edit_message(message=Message.objects.get(seq=4), editor=bob, body="@bob @alice")
    assert changed.mentions == [alice.pk]


def test_who_comes_later_has_nothing_unread(alice: User, bob: User, make_room: MakeRoom) -> None:
    room = make_room()
    say(room, alice, "one")
    members.join_room(room=room, user=bob)
    assert [mine.unread for mine in rooms.rooms_of(bob)] == [0]


# --- History --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("asked", "seqs"),
    [
        ({}, [3, 4, 5]),
        ({"before": 3}, [1, 2]),
        ({"after": 1}, [2, 3, 4]),
        ({"after": 1, "before": 4}, [2, 3]),
        ({"after": 5}, []),
        ({"before": 1}, []),
    ],
)
def test_history_is_read_by_number(
    alice: User, make_room: MakeRoom, asked: dict[str, int], seqs: list[int]
) -> None:
    room = make_room()
    say(room, alice, *"abcde")
    history = read_history(room=room, limit=3, **asked)
    assert [message.seq for message in history.messages] == seqs
    assert (history.seq, history.is_complete) == (5, True)


@pytest.mark.parametrize(("after", "is_complete"), [(0, False), (1, False), (2, True), (9, False)])
def test_who_missed_more_than_is_kept_is_told_so(
    alice: User, make_room: MakeRoom, after: int, is_complete: bool
) -> None:
    room = make_room()
    say(room, alice, *"abcde")
    Message.objects.filter(seq__lt=3).delete()
    Room.objects.update(first_seq=3)
    assert read_history(room=room, after=after).is_complete is is_complete
    assert reconcile().is_clean


# --- Changing -------------------------------------------------------------------------------------
def test_its_writer_changes_a_message_and_nobody_else(
    alice: User, bob: User, make_room: MakeRoom
) -> None:
    room = make_room(bob)
    (message,) = say(room, bob, "Helo @alice")
    changed = edit_message(message=message, editor=bob, body="Hello")
    assert (changed.body, changed.mentions, bool(changed.edited_at)) == ("Hello", [], True)
    with pytest.raises(Problem) as refused:
        edit_message(message=message, editor=alice, body="I love Alice")
    assert refused.value.code == "not_your_message"


def test_what_is_deleted_keeps_its_number_and_no_words(
    alice: User, bob: User, charlie: User, make_room: MakeRoom
) -> None:
    room = make_room(bob, charlie)
    (message,) = say(room, bob, "secret @alice")
    with pytest.raises(Problem, match="somebody else's"):
        delete_message(message=message, actor=charlie)
    for _ in range(2):
        gone = delete_message(message=message, actor=alice)
    assert (gone.seq, gone.body, gone.mentions, bool(gone.deleted_at)) == (1, "", [], True)
    with pytest.raises(Problem) as refused:
        edit_message(message=message, editor=bob, body="again")
    assert refused.value.code == "message_deleted"
    assert reconcile().is_clean


# --- E5 -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("DELETE FROM realtime_message WHERE seq = 2", {"room lobby: messages"}),
        (
            "DELETE FROM realtime_message WHERE seq = 3",
            {"room lobby: messages", "room lobby: last number"},
        ),
        (
            "UPDATE realtime_message SET seq = 4 WHERE seq = 1",
            {"room lobby: first number", "room lobby: last number"},
        ),
    ],
)
def test_a_message_that_is_missing_is_found(
    alice: User, make_room: MakeRoom, damage: str, found: set[str]
) -> None:
    say(make_room(), alice, *"abc")
    make_room(slug="empty")
    with connection.cursor() as cursor:
        cursor.execute(damage)
    assert {difference.subject for difference in reconcile().differences} == found


def test_storing_costs_the_same_however_much_was_said_before(
    alice: User, make_room: MakeRoom
) -> None:
    room = make_room()
    for _ in range(10):
        store(room_id=room.pk, drafts=[Draft(alice.pk, "x", uuid4().hex) for _ in range(300)])
    again = parameters(room=room.pk, drafts=[Draft(alice.pk, "x", "new")], now=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {STORE}", again)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "message_sent_once" in plan
    assert "Seq Scan on realtime_message" not in plan


# --- Retention ------------------------------------------------------------------------------------
def test_old_messages_go_the_oldest_first_and_the_newest_stays(
    alice: User, make_room: MakeRoom, settings: Any
) -> None:
    settings.MESSAGE_RETENTION_DAYS = 30
    room, quiet = make_room(), make_room(slug="quiet")
    for place, many in ((room, 6), (quiet, 2)):
        for number in range(many):
            post_message(room=place, sender=alice, body=str(number))
    long_ago = timezone.now() - timedelta(days=31)
    Message.objects.filter(room=room, seq__in=[1, 2, 4]).update(created_at=long_ago)
    Message.objects.filter(room=quiet).update(created_at=long_ago)
    assert [forget_old_messages() for _ in range(3)] == [2, 1, 0]
    for place, kept in ((room, [3, 4, 5, 6]), (quiet, [2])):
        assert [message.seq for message in read_history(room=place).messages] == kept
    assert reconcile().is_clean
    history = read_history(room=room, after=1)
    assert (history.first_seq, history.is_complete) == (3, False)
    message, _ = post_message(room=quiet, sender=alice, body="Again")
    assert message.seq == 3


def test_messages_are_kept_for_ever_unless_told_otherwise(alice: User, make_room: MakeRoom) -> None:
    room = make_room()
    for _ in range(2):
        post_message(room=room, sender=alice, body="x")
    Message.objects.update(created_at=timezone.now() - timedelta(days=10_000))
    assert forget_old_messages() == 0
