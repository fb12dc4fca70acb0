"""`/api/rooms` as its callers see it."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import create_api_key
from realtime import members
from realtime.messages.posting import post_message
from realtime.models import Member, Room
from realtime.rooms import direct_room
from tests.realtime.conftest import MakeRoom

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]
LOBBY = {"slug": "lobby", "name": "The lobby"}


def put(client: APIClient, slug: str, user: User, **body: Any) -> Any:
    return client.put(f"/api/rooms/{slug}/members/{user.public_id}", body)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


# --- Rooms ----------------------------------------------------------------------------------------
def test_a_room_is_made_and_its_maker_owns_it(api: Api, alice: User) -> None:
    made = api(alice).post("/api/rooms", LOBBY)
    assert made.status_code == 201
    assert made.json() | {"id": "", "createdAt": ""} == {
        **LOBBY, "id": "", "kind": "public", "topic": "", "seq": 0, "version": 1, "createdAt": "",
    }  # fmt: skip
    (mine,) = api(alice).get("/api/rooms/mine").json()["results"]
    assert (mine["role"], mine["unread"], mine["mentioned"]) == ("owner", 0, 0)
    assert code(api(alice).post("/api/rooms", LOBBY)) == (409, "slug_taken")


@pytest.mark.parametrize(
    "wrong", [{"slug": "a"}, {"slug": "UPPER"}, {"slug": "-a-"}, {"kind": "direct"}, {"x": 1}]
)
def test_what_is_no_room_is_refused(api: Api, alice: User, wrong: dict[str, Any]) -> None:
    assert api(alice).post("/api/rooms", LOBBY | wrong).status_code == 400


@pytest.mark.parametrize("slug", ["mine", "direct", "token", "direct-" + "a" * 32])
def test_a_slug_that_is_an_address_or_of_a_direct_room_is_taken(
    api: Api, alice: User, slug: str
) -> None:
    refused = api(alice).post("/api/rooms", LOBBY | {"slug": slug})
    assert code(refused) == (409, "slug_reserved")


def test_who_is_banned_is_told_to_moderators_only(
    api: Api, alice: User, bob: User, make_room: MakeRoom
) -> None:
    make_room(bob)
    assert code(api(bob).get("/api/rooms/lobby/members?banned=true")) == (403, "moderator_required")
    assert api(alice).get("/api/rooms/lobby/members?banned=true").status_code == 200


def test_a_room_is_changed_by_its_owner_under_its_version(
    api: Api, alice: User, bob: User, make_room: MakeRoom
) -> None:
    make_room(bob)
    changed = api(alice).patch("/api/rooms/lobby", {"topic": "All of us", "version": 1})
    assert (changed.json()["topic"], changed.json()["version"]) == ("All of us", 2)
    stale = api(alice).patch("/api/rooms/lobby", {"name": "Hall", "version": 1})
    assert code(stale) == (412, "version_stale")
    assert code(api(bob).patch("/api/rooms/lobby", {"name": "Bob's"})) == (403, "owner_required")
    assert code(api(bob).delete("/api/rooms/lobby")) == (403, "owner_required")


def test_a_closed_room_is_as_if_it_were_not_there(
    api: Api, alice: User, make_room: MakeRoom
) -> None:
    make_room()
    assert api(alice).delete("/api/rooms/lobby").status_code == 204
    for address in ("/api/rooms/lobby", "/api/rooms/lobby/messages", "/api/rooms/lobby/members"):
        assert api(alice).get(address).status_code == 404
    assert api(alice).get("/api/rooms").json()["results"] == []
    assert api(alice).get("/api/rooms/mine").json()["results"] == []


def test_a_private_room_is_not_there_for_others(
    api: Api, alice: User, bob: User, operator: User, make_room: MakeRoom
) -> None:
    room = make_room(kind="private")
    post_message(room=room, sender=alice, body="secret")
    for address in ("", "/messages", "/members", f"/members/{alice.public_id}"):
        assert api(bob).get(f"/api/rooms/lobby{address}").status_code == 404
    assert put(api(bob), "lobby", bob).status_code == 404
    assert api(bob).post("/api/rooms/lobby/messages", {"body": "x"}).status_code == 404
    assert api(bob).get("/api/rooms").json()["results"] == []
    assert api(operator).get("/api/rooms/lobby/messages").status_code == 200

    assert put(api(alice), "lobby", bob).status_code == 200
    assert api(bob).get("/api/rooms/lobby/messages").json()["messages"][0]["body"] == "secret"


def test_two_people_have_one_direct_room_and_nobody_else_has_it(
    api: Api, alice: User, bob: User, operator: User
) -> None:
    made = api(alice).post("/api/rooms/direct", {"userId": str(bob.public_id)})
    again = api(bob).post("/api/rooms/direct", {"userId": str(alice.public_id)})
    assert (made.status_code, again.status_code) == (201, 200)
    slug = made.json()["slug"]
    assert slug == again.json()["slug"]
    said = api(bob).post(f"/api/rooms/{slug}/messages", {"body": "Only for you"})
    assert said.status_code == 201
    assert api(operator).get(f"/api/rooms/{slug}/messages").status_code == 404
    assert code(put(api(alice), slug, operator)) == (403, "moderator_required")
    assert code(api(alice).delete(f"/api/rooms/{slug}/members/{alice.public_id}")) == (
        409, "room_direct",
    )  # fmt: skip
    alone = api(alice).post("/api/rooms/direct", {"userId": str(alice.public_id)})
    assert code(alone) == (400, "direct_with_yourself")


def test_who_owns_too_many_rooms_makes_no_more(
    api: Api, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.rooms.MAX_OWNED", 1)
    assert api(alice).post("/api/rooms", LOBBY).status_code == 201
    assert code(api(alice).post("/api/rooms", LOBBY | {"slug": "two"})) == (409, "too_many_rooms")


def test_lists_take_few_queries(
    api: Api,
    alice: User,
    bob: User,
    make_room: MakeRoom,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(5):
        room = make_room(bob, slug=f"room-{number}")
        post_message(room=room, sender=alice, body="for @bob")
    client = api(bob)
    for address in ("/api/rooms", "/api/rooms/mine", "/api/rooms/room-1/members"):
        with django_assert_max_num_queries(6):
            assert client.get(address).status_code == 200
    with django_assert_max_num_queries(9):
        client.get("/api/rooms/room-1/messages")
    assert {mine["mentioned"] for mine in client.get("/api/rooms/mine").json()["results"]} == {1}


# --- Members --------------------------------------------------------------------------------------
def test_coming_and_going(api: Api, bob: User, make_room: MakeRoom) -> None:
    make_room()
    client = api(bob)
    assert code(client.post("/api/rooms/lobby/messages", {"body": "Hi"})) == (403, "not_a_member")
    assert put(client, "lobby", bob).json()["role"] == "member"
    assert put(client, "lobby", bob).status_code == 200
    assert client.post("/api/rooms/lobby/messages", {"body": "Hi"}).status_code == 201
    for _ in range(2):
        left = client.delete(f"/api/rooms/lobby/members/{bob.public_id}")
        assert left.status_code == 204
    assert Member.objects.count() == 1


def test_an_owner_stays_until_somebody_else_is_one(
    api: Api, alice: User, bob: User, make_room: MakeRoom
) -> None:
    make_room(bob)
    own = f"/api/rooms/lobby/members/{alice.public_id}"
    assert code(api(alice).delete(own)) == (409, "owner_stays")
    assert code(put(api(alice), "lobby", alice, role="member")) == (409, "owner_stays")
    assert put(api(alice), "lobby", bob, role="owner").json()["role"] == "owner"
    assert api(alice).get(own).json()["role"] == "moderator"
    assert api(alice).delete(own).status_code == 204


def test_a_moderator_acts_on_those_below_her_alone(
    api: Api, alice: User, bob: User, charlie: User, make_room: MakeRoom
) -> None:
    make_room(bob, charlie)
    until = "2031-01-01T00:00:00Z"
    assert code(put(api(bob), "lobby", charlie, mutedUntil=until)) == (403, "moderator_required")
    assert code(put(api(bob), "lobby", bob, role="moderator")) == (403, "owner_required")
    put(api(alice), "lobby", bob, role="moderator")
    assert put(api(bob), "lobby", charlie, mutedUntil=until).json()["mutedUntil"] is not None
    assert put(api(bob), "lobby", charlie, mutedUntil=None).json()["mutedUntil"] is None
    assert code(put(api(bob), "lobby", alice, banned=True)) == (403, "outranked")
    assert code(put(api(bob), "lobby", bob, mutedUntil=until)) == (403, "outranked")
    kicked = api(bob).delete(f"/api/rooms/lobby/members/{charlie.public_id}")
    assert kicked.status_code == 204
    assert put(api(charlie), "lobby", charlie).status_code == 200


def test_who_is_banned_stays_out_until_that_is_taken_back(
    api: Api, alice: User, charlie: User, make_room: MakeRoom
) -> None:
    make_room()
    assert put(api(alice), "lobby", charlie, banned=True).json()["bannedAt"] is not None
    assert code(put(api(charlie), "lobby", charlie)) == (403, "banned")
    assert code(api(charlie).get("/api/rooms/lobby/messages")) == (403, "banned")
    assert code(put(api(alice), "lobby", charlie)) == (403, "banned")
    assert [m["role"] for m in api(alice).get("/api/rooms/lobby/members").json()["results"]] == [
        "owner"
    ]
    shut = api(alice).get("/api/rooms/lobby/members?banned=true").json()["results"]
    assert [member["user"]["username"] for member in shut] == ["charlie"]

    assert put(api(alice), "lobby", charlie, banned=False).status_code == 204
    assert put(api(charlie), "lobby", charlie).status_code == 200


def test_an_operator_moderates_every_room_that_is_not_direct(
    api: Api, alice: User, bob: User, operator: User, make_room: MakeRoom
) -> None:
    make_room(bob)
    assert put(api(operator), "lobby", alice, banned=True).status_code == 403
    assert put(api(operator), "lobby", bob, banned=True).status_code == 200
    room, _ = direct_room(one=alice, other=bob)
    assert not members.may_moderate(room, operator)


@pytest.mark.parametrize(
    "body", [{"role": "king"}, {"mutedUntil": "soon"}, {"role": "member", "banned": True}, {"x": 1}]
)
def test_a_change_of_a_member_that_makes_no_sense_is_refused(
    api: Api, alice: User, bob: User, make_room: MakeRoom, body: dict[str, Any]
) -> None:
    make_room(bob)
    assert put(api(alice), "lobby", bob, **body).status_code == 400


def test_who_is_not_there_is_a_404(api: Api, alice: User, make_room: MakeRoom) -> None:
    make_room()
    nobody = f"/api/rooms/lobby/members/{uuid4()}"
    for answer in (
        api(alice).get(nobody),
        api(alice).put(nobody, {}),
        api(alice).get("/api/rooms/nowhere"),
        api(alice).patch("/api/rooms/lobby/messages/7", {"body": "x"}),
    ):
        assert answer.status_code == 404


# --- Messages -------------------------------------------------------------------------------------
def test_what_was_said_comes_back_as_it_was_said(
    api: Api, alice: User, make_room: MakeRoom
) -> None:
    make_room()
    client = api(alice)
    said = {"body": " two\nlines <b>ü</b> 🎉 ", "clientId": "c-1"}
    made, again = (client.post("/api/rooms/lobby/messages", said) for _ in range(2))
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json() == again.json()
    history = client.get("/api/rooms/lobby/messages?after=0").json()
    assert (history["seq"], history["firstSeq"], history["isComplete"]) == (1, 1, True)
    (message,) = history["messages"]
    assert message == made.json()
    assert message["body"] == said["body"]
    assert message["from"] == {"id": str(alice.public_id), "username": "alice"}
    assert set(message) == {"seq", "id", "from", "body", "at", "editedAt", "deletedAt"}


def test_a_message_is_changed_and_taken_back(api: Api, alice: User, make_room: MakeRoom) -> None:
    post_message(room=make_room(), sender=alice, body="Helo")
    client, address = api(alice), "/api/rooms/lobby/messages/1"
    changed = client.patch(address, {"body": "Hello"}).json()
    assert (changed["body"], bool(changed["editedAt"])) == ("Hello", True)
    assert client.delete(address).status_code == 204
    (left,) = client.get("/api/rooms/lobby/messages").json()["messages"]
    assert (left["seq"], left["body"], bool(left["deletedAt"])) == (1, "", True)
    assert code(client.patch(address, {"body": "again"})) == (409, "message_deleted")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"body": ""},
        {"body": " \n "},
        {"body": "x" * 4001},
        {"body": "a\0b"},
        {"body": "\u200b\u2060"},
        {"body": "\x1b[2J"},
        {"body": ["x"]},
        {"body": "x", "clientId": ""},
        {"body": "x", "clientId": "x" * 65},
        {"body": "x", "clientId": "a b"},
        {"body": "x", "from": "bob"},
    ],
)
def test_what_is_no_message_is_refused(
    api: Api, alice: User, make_room: MakeRoom, wrong: dict[str, Any]
) -> None:
    make_room()
    assert api(alice).post("/api/rooms/lobby/messages", wrong).status_code == 400


@pytest.mark.parametrize("query", ["after=-1", "limit=0", "limit=201", "before=x", "cursor=1"])
def test_a_history_that_makes_no_sense_is_refused(
    api: Api, alice: User, make_room: MakeRoom, query: str
) -> None:
    make_room()
    assert api(alice).get(f"/api/rooms/lobby/messages?{query}").status_code == 400


def test_who_says_too_much_is_told_to_wait(
    api: Api, alice: User, make_room: MakeRoom, settings: Any
) -> None:
    settings.RATE_LIMITS = {"messages": "1/m"}
    make_room()
    first, second = (api(alice).post("/api/rooms/lobby/messages", {"body": "Hi"}) for _ in range(2))
    assert first.status_code == 201
    assert code(second) == (429, "rate_limited")


# --- Who may ask ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("scopes", "reads", "writes"),
    [(["rooms:read"], 200, 403), (["rooms:write"], 403, 201), (["links:read"], 403, 403)],
)
def test_a_key_needs_the_scope(
    alice: User, make_room: MakeRoom, scopes: list[str], reads: int, writes: int
) -> None:
    make_room()
    _, key = create_api_key(user=alice, name="k", scopes=scopes, expires_at=None)
    client = APIClient(headers={"X-API-Key": key})
    assert client.get("/api/rooms/lobby/messages").status_code == reads
    assert client.post("/api/rooms/lobby/messages", {"body": "Hi"}).status_code == writes


def test_nobody_is_refused_everywhere(api: Api, make_room: MakeRoom) -> None:
    make_room()
    for address in ("/api/rooms", "/api/rooms/mine", "/api/rooms/lobby/messages"):
        assert api().get(address).status_code == 401
    assert Room.objects.get().last_seq == 0
