"""What operators see of rooms, and what they do there."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from realtime import doors
from realtime.messages.posting import post_message
from realtime.models import Member, Message
from realtime.rooms import direct_room
from tests.realtime.conftest import MakeRoom

pytestmark = pytest.mark.django_db
ROOMS, MEMBERS, MESSAGES = (f"/admin/realtime/{name}/" for name in ("room", "member", "message"))
Allow = Callable[..., Client]


@pytest.fixture
def allowed(client: Client, operator: User) -> Allow:
    """The operator, with just these permissions."""

    def sign_in(*codenames: str) -> Client:
        operator.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(operator)
        return client

    return sign_in


def do(client: Client, page: str, action: str, *rows: Any) -> str:
    """What the operator is told."""
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(page, data, follow=True).content.decode()


def test_a_room_is_renamed_and_closed(allowed: Allow, make_room: MakeRoom) -> None:
    room, pages = make_room(), allowed("view_room", "change_room")
    page = f"{ROOMS}{room.pk}/change/"
    assert "lobby" in pages.get(ROOMS).content.decode()
    changed = pages.post(page, {"name": "Hall", "topic": "", "kind": "private"}, follow=True)
    assert changed.status_code == 200
    room.refresh_from_db()
    assert (room.name, room.kind, room.version) == ("Hall", "private", 2)
    assert "1 closed" in do(pages, ROOMS, "close", room)
    room.refresh_from_db()
    assert room.closed_at
    assert pages.post(page, {"name": "Again"}).status_code == 403


def test_nobody_makes_a_direct_room_of_another(allowed: Allow, make_room: MakeRoom) -> None:
    room, pages = make_room(), allowed("view_room", "change_room")
    refused = pages.post(
        f"{ROOMS}{room.pk}/change/", {"name": "Hall", "topic": "", "kind": "direct"}
    )
    assert "Select a valid choice" in refused.content.decode()


def test_members_are_muted_kicked_and_banned_by_the_services(
    allowed: Allow, alice: User, bob: User, charlie: User, make_room: MakeRoom
) -> None:
    room = make_room(bob, charlie)
    owner, his, hers = (Member.objects.get(room=room, user=user) for user in (alice, bob, charlie))
    pages = allowed("view_member", "change_member")
    assert "1 muted" in do(pages, MEMBERS, "mute", his)
    his.refresh_from_db()
    assert his.muted_until
    assert "1 may speak again" in do(pages, MEMBERS, "unmute", his)
    assert "1 kicked" in do(pages, MEMBERS, "kick", hers)
    assert "1 banned" in do(pages, MEMBERS, "ban", his)
    assert "banned" in pages.get(f"{MEMBERS}?state=banned").content.decode()
    assert "1 may come back" in do(pages, MEMBERS, "unban", his)
    assert "cannot do this" in do(pages, MEMBERS, "kick", owner)


def test_a_message_is_taken_back_and_what_two_people_say_is_not_shown(
    allowed: Allow, alice: User, bob: User, make_room: MakeRoom
) -> None:
    room = make_room(bob)
    loud, _ = post_message(room=room, sender=bob, body="Buy my coins")
    private, _ = direct_room(one=alice, other=bob)
    post_message(room=private, sender=bob, body="Our secret")
    pages = allowed("view_message", "change_message")
    shown = pages.get(MESSAGES).content.decode()
    assert "Buy my coins" in shown
    assert "Our secret" not in shown
    assert "1 taken back" in do(pages, MESSAGES, "take_back", loud)
    assert Message.objects.get(pk=loud.pk).deleted_at


def test_looking_does_not_allow_doing(allowed: Allow, bob: User, make_room: MakeRoom) -> None:
    his = Member.objects.get(room=make_room(bob), user=bob)
    pages = allowed("view_room", "view_member", "view_message")
    do(pages, MEMBERS, "kick", his)
    assert Member.objects.filter(pk=his.pk).exists()
    assert pages.post(f"{ROOMS}live/disconnect/", {"user": "x"}).status_code == 403


def test_the_live_page_shows_who_is_connected_and_ends_connections(
    allowed: Allow, alice: User, make_room: MakeRoom, present: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    present(alice, make_room().pk)
    pages = allowed("view_room", "change_member")
    shown = pages.get(f"{ROOMS}live/").content.decode()
    assert "web-1" in shown
    assert "alice" in shown
    assert "People connected: 1" in shown
    ended: list[str] = []
    monkeypatch.setattr(doors, "disconnect_user", lambda user, _: not ended.append(user))
    told = pages.post(f"{ROOMS}live/disconnect/", {"user": str(alice.public_id)}, follow=True)
    assert "Her connections end now" in told.content.decode()
    assert ended == [str(alice.public_id)]
    assert allowed().get(f"{ROOMS}live/").status_code == 403
