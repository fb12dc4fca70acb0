"""The server's door to people who are connected, and the commands of operators."""

import json
import os
import socket
from collections.abc import Callable
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import create_api_key
from monitoring.health.report import Status
from monitoring.redis import durable
from realtime import doors
from realtime.health import check_rooms
from realtime.presence import selectors
from realtime.presence.register import PREFIX, SCRIPT
from tests.realtime.conftest import MakeRoom

Api = Callable[..., APIClient]


@pytest.fixture
def program(operator: User) -> APIClient:
    """A trusted one."""
    _, secret = create_api_key(user=operator, name="bot", scopes=["realtime:publish"])
    client = APIClient()
    client.credentials(HTTP_X_API_KEY=secret)
    return client


@pytest.fixture
def run() -> Callable[..., str]:
    """What a command says, or why it refused."""

    def call(*arguments: str) -> str:
        said = StringIO()
        try:
            call_command(*arguments, stdout=said)
        except CommandError as error:
            return str(error)
        return said.getvalue()

    return call


# --- Over HTTP ------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_only_trusted_callers_come_through_the_door(api: Api, alice: User) -> None:
    user = f"/api/realtime/users/{alice.public_id}"
    for address in (f"{user}/send", "/api/realtime/broadcast", f"{user}/disconnect"):
        refused = api(alice).post(address, {"event": "notification"})
        assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    assert api(alice).get("/api/realtime/connected").status_code == 403
    assert api().get("/api/realtime/connected").status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("message:received", {}),
        ("room:left", {}),
        ("ack", {}),
        ("closed", {}),
        ("state", {}),
        ("Nonsense", {}),
        ("a:b:c", {}),
        ("noti\nfication", {}),
        ("notification", {"text": "x" * 40_000}),
    ],
)
def test_what_the_socket_says_itself_is_not_said_by_others(
    program: APIClient, event: str, data: Any
) -> None:
    refused = program.post("/api/realtime/broadcast", {"event": event, "data": data})
    assert refused.status_code == 400
    with pytest.raises(ValueError, match=r"event|frame"):
        doors.broadcast(event, data)


@pytest.mark.django_db
def test_nobody_and_no_room_are_404(program: APIClient) -> None:
    for address in (f"users/{uuid4()}/send", f"users/{uuid4()}/disconnect", "rooms/nowhere/send"):
        answer = program.post(f"/api/realtime/{address}", {"event": "notification"})
        assert answer.status_code == 404, address


@pytest.mark.django_db
def test_who_is_present_is_told_to_the_room_and_who_is_connected_to_programs(
    api: Api,
    program: APIClient,
    alice: User,
    bob: User,
    charlie: User,
    make_room: MakeRoom,
    present: Any,
) -> None:
    room = make_room(bob, kind="public")
    present(alice, room.pk)
    present(bob)
    page = api(bob).get("/api/rooms/lobby/presence").json()
    assert page["present"] == 1
    assert page["results"] == [
        {"user": {"id": str(alice.public_id), "username": "alice"}, "status": "online", "note": ""}
    ]
    first = program.get("/api/realtime/connected?limit=1").json()
    assert (first["present"], len(first["results"])) == (2, 1)
    second = program.get(first["next"]).json()
    names = {page["results"][0]["user"]["username"] for page in (first, second)}
    assert names == {"alice", "bob"}
    hers = program.get(f"/api/realtime/users/{alice.public_id}/presence").json()
    assert hers == {
        "userId": str(alice.public_id), "connected": True, "status": "online", "note": "",
        "rooms": ["lobby"],
    }  # fmt: skip
    his = program.get(f"/api/realtime/users/{charlie.public_id}/presence").json()
    assert (his["connected"], his["status"], his["rooms"]) == (False, "", [])


@pytest.mark.django_db
def test_without_redis_the_door_says_so(
    program: APIClient, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: Any) -> bool:
        return False

    monkeypatch.setattr(doors, "_send", away)
    answer = program.post("/api/realtime/broadcast", {"event": "notification"})
    assert (answer.status_code, answer.json()["code"]) == (503, "realtime_unavailable")
    assert answer["Retry-After"] == "2"


# --- Commands -------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_rooms_live_shows_processes_and_rooms(
    alice: User, bob: User, make_room: MakeRoom, present: Any, run: Any
) -> None:
    lobby, quiet = make_room(), make_room(slug="quiet")
    present(alice, lobby.pk, quiet.pk)
    present(bob, lobby.pk)
    report = json.loads(run("rooms_live", "--json"))
    assert report["people"] == 2
    assert [(room["slug"], room["present"]) for room in report["rooms"]] == [
        ("lobby", 2), ("quiet", 1),
    ]  # fmt: skip
    assert "invalid choice" in run("rooms_live", "--limit", "0")
    shown = run("rooms_live")
    assert "web-1 7: 3 connections" in shown
    assert shown.splitlines()[-2].split() == ["lobby", "public", "2", "0"]


@pytest.mark.parametrize(
    ("said", "seconds", "expected"),
    [
        ({}, 30, [(False, "")]),
        ({"degraded": True}, 30, [(True, "cut off")]),
        ({}, 10, [(True, "cut off")]),  # nothing was heard of it for twenty seconds
        ({"leaving": True}, 10, [(False, "leaving")]),
        ({"host": socket.gethostname(), "pid": 2**22 + 1}, 30, []),  # it was killed
        ({"host": socket.gethostname(), "pid": os.getpid()}, 30, [(False, "")]),
    ],
)
def test_a_process_that_is_replaced_or_killed_is_no_trouble_and_one_that_is_cut_off_is(
    said: dict[str, Any], seconds: int, expected: list[tuple[bool, str]]
) -> None:
    figures = {"host": "web-1", "pid": 7, "since": 0, "connections": 3, "rooms": 1}
    figures |= {"degraded": False} | said
    script = durable().register_script(SCRIPT)
    script(keys=[PREFIX], args=["beat", "p", seconds, json.dumps(figures), "epoch"])

    found = [(process.degraded, process.state) for process in selectors.processes().values()]

    assert found == expected
    trouble = any(degraded for degraded, _ in expected)
    assert check_rooms().status == (Status.DEGRADED if trouble else Status.HEALTHY)


@pytest.mark.django_db
def test_kick_takes_out_and_bans(
    alice: User, bob: User, operator: User, make_room: MakeRoom, run: Any
) -> None:
    room = make_room(bob)
    assert "out of lobby" in run("kick", "bob", "--room", "lobby")
    assert not room.members.filter(user=bob).exists()
    assert "banned from lobby" in run("kick", "bob", "--room", "lobby", "--ban")
    assert room.members.get(user=bob).banned_at
    assert "end now" in run("kick", "bob")
    for wrong, why in (
        (("nobody",), "no user"),
        (("bob", "--room", "nowhere"), "no room"),
        (("bob", "--ban"), "name a --room"),
    ):
        assert why in run("kick", *wrong)


@pytest.mark.django_db
def test_broadcast_says_what_it_does_and_refuses_what_it_cannot(
    make_room: MakeRoom, run: Any
) -> None:
    make_room()
    assert "Told the room lobby" in run("broadcast", "Hello", "--room", "lobby")
    assert "no open room 'nowhere'" in run("broadcast", "Hello", "--room", "nowhere")
    assert "not valid UTF-8" in run("broadcast", "\udcff")
    assert "no JSON" in run("broadcast", "NaN", "--json")
    assert "Told everybody: system:maintenance" in run(
        "broadcast", "Back soon", "--event", "system:maintenance"
    )
    assert "no JSON" in run("broadcast", "{", "--json")
    assert "socket's own" in run("broadcast", "x", "--event", "ack")
