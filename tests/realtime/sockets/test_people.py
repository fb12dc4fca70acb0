"""Who is present, and what the server says of itself."""

from typing import Any

import pytest
import requests

from tests.accounts.siwe import TestWallet
from tests.realtime.talkers import Talker
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.xdist_group("second stack"), pytest.mark.timeout(300)]


def presence(talker: Talker, room: str) -> list[tuple[str, str]]:
    """(username, status), by name; and the count agrees."""
    page = talker.ask("presence:list", room=room)["data"]
    assert page["present"] == len(page["people"])
    return sorted((person["user"]["username"], person["status"]) for person in page["people"])


def names_of(*talkers: Talker) -> list[str]:
    return [talker.hear("ready")["username"] for talker in talkers]


def test_two_tabs_and_a_phone_are_one_person(
    alice: requests.Session, bob: requests.Session, room: str, talk: Any
) -> None:
    his, *hers = talk(bob), talk(alice), talk(alice), talk(alice)
    bobs, alices = names_of(his, hers[0])
    his.join(room)
    assert his.hear("presence:updated")["user"]["username"] == bobs  # that is himself
    for talker in hers:
        talker.join(room)
        assert presence(his, room) == sorted([(bobs, "online"), (alices, "online")])
    joined = his.hear("presence:updated")
    assert (joined["user"]["username"], joined["joined"], joined["present"]) == (alices, True, 2)
    hers[0].socket.close()
    hers[1].ask("leave:room", room=room)
    assert len(presence(his, room)) == 2
    hers[2].socket.close()
    left = his.hear("presence:updated")
    assert (left["user"]["username"], left["left"], left["present"]) == (alices, True, 1)
    assert presence(his, room) == [(bobs, "online")]


def test_a_status_is_seen_by_the_room(
    alice: requests.Session, bob: requests.Session, room: str, talk: Any
) -> None:
    hers, his = talk(alice), talk(bob)
    hers.join(room)
    his.join(room)
    assert hers.ask("presence:update", status="asleep")["data"]["code"] == "frame_invalid"
    assert hers.ask("presence:update", status="away", note="Lunch")["event"] == "ack"
    while (shown := his.hear("presence:updated"))["status"] == "online":
        pass
    assert (shown["status"], shown["note"]) == ("away", "Lunch")
    assert "joined" not in shown
    assert "away" in dict(presence(his, room)).values()


def test_who_was_here_is_kept(
    stack: Stack, alice: requests.Session, bob: requests.Session, room: str, talk: Any
) -> None:
    tab, other_tab, his = talk(alice), talk(alice), talk(bob)
    for talker in (tab, other_tab, his):
        talker.join(room)
    for talker in (tab, other_tab):
        talker.socket.close()
    names = set(names_of(tab, his))
    wait_until(lambda: stayed(stack, room) == names)


def stayed(stack: Stack, room: str) -> set[str]:
    """Who has a stay there."""
    ask = (
        "from realtime.models import Stay\n"
        f"stays = Stay.objects.filter(room__slug='{room}')\n"
        "print(*stays.values_list('user__username', flat=True))"
    )
    return set(stack.manage("shell", "-v", "0", "-c", ask).split())


# --- What the server says of itself ---------------------------------------------------------------
def test_a_broadcast_reaches_everybody_and_a_room_those_who_are_in_it(
    stack: Stack, alice: requests.Session, bob: requests.Session, room: str, talk: Any
) -> None:
    hers, his = talk(alice), talk(bob)
    hers.join(room)
    his.hear("ready")
    stack.manage("broadcast", "To the room", "--room", room)
    stack.manage("broadcast", "To all", "--event", "system:maintenance")
    assert hers.hear("notification") == {"text": "To the room"}
    for talker in (hers, his):
        assert talker.hear("system:maintenance") == {"text": "To all"}
    assert his.ask("ping")["event"] == "pong"
    assert not his.has_heard("notification")


def test_who_is_kicked_off_the_line_may_come_back(
    stack: Stack, bob: requests.Session, talk: Any
) -> None:
    his = talk(bob)
    name = his.hear("ready")["username"]
    stack.manage("kick", name)
    assert his.ending() == (4410, "kicked")
    assert talk(bob).hear("ready")


@pytest.mark.timeout(120)
def test_while_redis_is_away_rooms_are_local_and_everything_comes_back(
    stack: Stack, alice: requests.Session, bob: requests.Session, room: str, talk: Any
) -> None:
    hers, his = talk(alice), talk(bob)
    hers.join(room)
    his.join(room)
    carols = talk(stack.sign_in(TestWallet(b"\x0c" * 32)))
    carols.join(room)
    with stack.killed(stack.valkey):
        assert hers.hear("server:degraded") == {"degraded": True}
        out = f"{stack.url}/api/rooms/{room}/members/{carols.hear('ready')['userId']}"
        assert alice.delete(out, timeout=10).status_code == 204
        said = hers.ask("message:send", room=room, body="Anybody?", clientId="a")
        assert said["data"]["seq"] == 1
        late = talk(bob).join(room)
        assert (late["degraded"], late["presence"]["present"] >= 1) == (True, True)
    assert hers.hear("server:degraded") == {"degraded": False}
    assert his.hear("message:received")["body"] == "Anybody?"
    assert carols.hear("room:left") == {"room": room, "reason": "removed"}
    wait_until(lambda: len(presence(hers, room)) == 2)
    wait_until(lambda: told(stack, hers), seconds=30)


def told(stack: Stack, talker: Talker) -> bool:
    """Whether a broadcast is heard; the layer of Channels comes back in its own time."""
    stack.manage("broadcast", "x", check=False)
    return talker.ask("ping")["event"] == "pong" and talker.has_heard("notification")
