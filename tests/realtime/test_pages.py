"""The pages of rooms, as a browser without JavaScript sees them, and the token of their socket."""

import re

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts import selectors
from accounts.models import User
from realtime import members, rooms
from realtime.messages.editing import delete_message
from realtime.messages.posting import post_message
from realtime.models import Member, Message, Room
from tests.links.browser_form import untouched
from tests.links.test_pages import INLINE
from tests.realtime.conftest import MakeRoom

pytestmark = pytest.mark.django_db


@pytest.fixture
def pages(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


@pytest.fixture
def bobs(bob: User) -> Client:
    made = Client()
    made.force_login(bob)
    return made


def text(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def say(client: Client, slug: str, body: str) -> HttpResponse:
    """As the form of the page does."""
    page = client.get(f"/rooms/{slug}")
    return client.post(f"/rooms/{slug}", {"client_id": client_id(page), "body": body})


def client_id(page: HttpResponse) -> str:
    found = re.search(r'name="client_id"[^>]* value="(\w+)"', text(page))
    assert found
    return found[1]


# --- Who may see what -----------------------------------------------------------------------------
@pytest.mark.parametrize("page", ["/rooms", "/rooms/lobby"])
def test_strangers_are_asked_to_sign_in(client: Client, make_room: MakeRoom, page: str) -> None:
    make_room()
    answer = client.get(page)
    assert (answer.status_code, answer["Location"]) == (302, f"/login?next={page}")


def test_a_private_room_is_not_there_for_who_is_not_in_it(
    bobs: Client, make_room: MakeRoom, charlie: User
) -> None:
    make_room(slug="cellar", kind="private")
    assert bobs.get("/rooms/cellar").status_code == 404
    assert bobs.post("/rooms/cellar", {"body": "x", "client_id": "x"}).status_code == 404
    assert "Cellar" not in text(bobs.get("/rooms"))


def test_who_is_banned_is_told_so(
    bobs: Client, make_room: MakeRoom, alice: User, bob: User
) -> None:
    members.ban(room=make_room(bob), actor=alice, user=bob)
    answer = bobs.get("/rooms/lobby", headers={"Accept": "text/html"})
    assert answer.status_code == 403
    assert "You are banned from this room." in text(answer)


def test_signed_in_people_find_the_rooms_in_the_navigation(pages: Client, client: Client) -> None:
    assert 'href="/rooms" aria-current="page"' in text(pages.get("/rooms"))
    client.logout()
    assert 'href="/rooms"' not in text(client.get("/"))


# --- The list -------------------------------------------------------------------------------------
def test_the_list_costs_a_fixed_number_of_queries(
    pages: Client,
    make_room: MakeRoom,
    alice: User,
    bob: User,
    charlie: User,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(10):
        make_room(bob, slug=f"room-{number}")
    for other in (bob, charlie):
        rooms.direct_room(one=alice, other=other)
    # The session, its person, her rooms, who else is in the direct ones, public rooms twice.
    with django_assert_num_queries(6):
        assert pages.get("/rooms").status_code == 200


def test_my_rooms_say_what_is_new_and_come_in_that_order(
    pages: Client, make_room: MakeRoom, alice: User, bob: User
) -> None:
    quiet, busy, named = (make_room(bob, slug=slug) for slug in ("a-quiet", "b-busy", "c-named"))
    post_message(room=busy, sender=bob, body="one")
    post_message(room=busy, sender=bob, body="two")
    post_message(room=named, sender=bob, body="@alice, look")
    rooms.direct_room(one=alice, other=bob)
    answer = pages.get("/rooms")
    assert [shown.title for shown in answer.context["mine"]] == [
        "C-Named", "B-Busy", "bob", quiet.name,
    ]  # fmt: skip
    page = text(answer)
    assert "2 new" in page
    assert '@ 1<span class="visually-hidden"> naming you</span>' in page


def test_public_rooms_are_found_by_their_names(pages: Client, make_room: MakeRoom) -> None:
    make_room(slug="harbour")
    make_room(slug="garden")
    page = pages.get("/rooms", {"search": "gard"})
    assert [room.slug for room in page.context["page"].object_list] == ["garden"]
    assert "No public room matches." in text(pages.get("/rooms", {"search": "nothing"}))


def test_a_room_is_made_with_an_address_of_its_name(pages: Client, alice: User) -> None:
    shown = untouched(pages.get("/rooms"), form_class="form")
    answer = pages.post("/rooms", {**shown, "name": "Night Shift!", "kind": "private"})
    assert (answer.status_code, answer["Location"]) == (302, "/rooms/night-shift")
    room = Room.objects.get()
    assert (room.kind, room.members.get().role) == ("private", "owner")
    assert "Nothing has been said here yet." in text(pages.get("/rooms/night-shift"))


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"name": ""}, "name", "This field is required."),
        ({"name": "Lobby"}, "slug", "There is a room with this slug."),
        ({"name": "ロビー"}, "slug", "Use 3 to 50 small letters"),
        ({"name": "X", "slug": "Not A Slug"}, "slug", "Use 3 to 50 small letters"),
        ({"name": "Token"}, "slug", "This address is taken by a page."),
        ({"name": "X", "slug": "fine", "kind": "direct"}, "kind", "Select a valid choice."),
    ],
)
def test_a_room_that_cannot_be_is_explained_beside_its_field(
    pages: Client, make_room: MakeRoom, typed: dict[str, str], field: str, sentence: str
) -> None:
    make_room()
    answer = pages.post("/rooms", {"kind": "public", **typed})
    assert answer.status_code == 400
    form = answer.context["form"]
    assert list(form.errors) == [field]
    assert sentence in form.errors[field][0]
    assert Room.objects.count() == 1


# --- A room ---------------------------------------------------------------------------------------
def test_the_page_says_the_newest_fifty_and_leads_to_the_older(
    pages: Client, make_room: MakeRoom, alice: User
) -> None:
    room = make_room()
    for number in range(1, 61):
        post_message(room=room, sender=alice, body=f"Message {number}.")
    newest = pages.get("/rooms/lobby")
    assert 'data-newest="60"' in text(newest)
    assert [m.seq for m in newest.context["history"].messages] == list(range(11, 61))
    assert '<a href="?before=11">' in text(newest)
    older = pages.get("/rooms/lobby", {"before": "11"})
    assert [m.seq for m in older.context["history"].messages] == list(range(1, 11))
    assert "data-newest" not in text(older)
    assert "This is where Lobby begins." in text(older)


@pytest.mark.parametrize("before", ["x", "-1", "9" * 40, "²"])
def test_a_number_that_is_none_shows_a_page_all_the_same(
    pages: Client, make_room: MakeRoom, before: str
) -> None:
    make_room()
    assert pages.get("/rooms/lobby", {"before": before}).status_code == 200


def test_the_room_page_costs_a_fixed_number_of_queries(
    pages: Client,
    make_room: MakeRoom,
    alice: User,
    bob: User,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    room = make_room(bob)
    for number in range(20):
        post_message(room=room, sender=(alice, bob)[number % 2], body="Hi")
    # The session, its person, the room, whether she may; within a savepoint its numbers and its
    # messages; her membership, the people.
    with django_assert_num_queries(10):
        assert pages.get("/rooms/lobby").status_code == 200


def test_to_who_comes_in_now_nothing_is_new(
    pages: Client, bobs: Client, make_room: MakeRoom, alice: User, bob: User
) -> None:
    room = make_room()
    post_message(room=room, sender=alice, body="Hi")
    assert 'data-read-seq="1"' in text(bobs.get("/rooms/lobby"))
    post_message(room=room, sender=alice, body="Are you there?")
    assert 'data-read-seq="2"' in text(bobs.get("/rooms/lobby"))


def test_what_is_said_is_escaped_and_needs_no_more_than_our_strict_policy(
    pages: Client, make_room: MakeRoom, alice: User
) -> None:
    room = make_room()
    room.name, room.topic = "<script>alert(0)</script>", "<b>"
    room.save()
    post_message(room=room, sender=alice, body="<script>alert(1)</script><img src=x>")
    for path in ("/rooms", "/rooms/lobby"):
        page = pages.get(path)
        assert "<script>alert" not in text(page)
        assert "<img src=x" not in text(page)
        assert not INLINE.search(text(page)), path
        assert "unsafe" not in page["Content-Security-Policy"]


def test_what_was_deleted_and_who_has_gone_are_said_so(
    pages: Client, make_room: MakeRoom, alice: User, bob: User
) -> None:
    room = make_room(bob)
    message, _ = post_message(room=room, sender=alice, body="secret")
    delete_message(message=message, actor=alice)
    post_message(room=room, sender=bob, body="Farewell")
    bob.delete()
    page = text(pages.get("/rooms/lobby"))
    assert "This message was deleted." in page
    assert "secret" not in page
    assert "Somebody who has gone" in page


# --- Speaking -------------------------------------------------------------------------------------
def test_the_form_speaks(pages: Client, make_room: MakeRoom, alice: User) -> None:
    room = make_room()
    answer = say(pages, "lobby", "Two\r\nlines")
    assert (answer.status_code, answer["Location"]) == (302, "/rooms/lobby")
    message = Message.objects.get()
    assert (message.room, message.sender, message.body) == (room, alice, "Two\nlines")
    assert Member.objects.get(room=room, user=alice).read_seq == 1
    assert "Two\nlines" in pages.get("/rooms/lobby").content.decode()


def test_a_form_that_is_sent_twice_speaks_once(pages: Client, make_room: MakeRoom) -> None:
    make_room()
    form = {"client_id": client_id(pages.get("/rooms/lobby")), "body": "Hi"}
    for _ in range(2):
        assert pages.post("/rooms/lobby", form).status_code == 302
    assert Message.objects.count() == 1


def test_new_words_in_an_old_page_are_not_lost(pages: Client, make_room: MakeRoom) -> None:
    make_room()
    old = client_id(pages.get("/rooms/lobby"))
    for body in ("One", "Two"):
        pages.post("/rooms/lobby", {"client_id": old, "body": body})
    said = Message.objects.order_by("seq").values_list("body", flat=True)
    assert list(said) == ["One", "Two"]


def test_who_speaks_in_a_public_room_has_come_in(
    bobs: Client, make_room: MakeRoom, bob: User
) -> None:
    room = make_room()
    assert say(bobs, "lobby", "Hello").status_code == 302
    assert room.members.filter(user=bob).exists()


@pytest.mark.parametrize(
    "body", ["", " \n ", "x" * 4_001, "a\0b"], ids=["none", "blank", "long", "nul"]
)
def test_a_message_that_cannot_be_is_explained_and_kept(
    pages: Client, make_room: MakeRoom, body: str
) -> None:
    make_room()
    answer = say(pages, "lobby", body)
    assert answer.status_code == 400
    assert list(answer.context["form"].errors) == ["body"]
    assert 'aria-describedby="body-error"' in text(answer)
    assert not Message.objects.exists()


def test_who_is_muted_is_told_so_and_keeps_her_words(
    bobs: Client, make_room: MakeRoom, alice: User, bob: User
) -> None:
    room = make_room(bob)
    later = timezone.now() + timezone.timedelta(hours=1)
    members.mute(room=room, actor=alice, user=bob, until=later)
    answer = say(bobs, "lobby", "But why?")
    assert answer.status_code == 400
    assert "You are muted in this room for now." in text(answer)
    assert "But why?</textarea>" in text(answer)


def test_she_leaves_by_a_button(bobs: Client, make_room: MakeRoom, bob: User) -> None:
    room = make_room(bob)
    assert 'action="/rooms/lobby/leave" id="leave" >' in text(bobs.get("/rooms/lobby"))
    assert bobs.get("/rooms/lobby/leave").status_code == 405
    assert bobs.post("/rooms/lobby/leave")["Location"] == "/rooms"
    assert not room.members.filter(user=bob).exists()


def test_the_owner_has_no_such_button(pages: Client, make_room: MakeRoom) -> None:
    make_room()
    assert "/leave" not in text(pages.get("/rooms/lobby"))
    assert pages.post("/rooms/lobby/leave").status_code == 409


# --- The token of the page's socket ---------------------------------------------------------------
def test_a_page_gets_a_token_of_its_session(pages: Client, alice: User) -> None:
    answer = pages.post("/rooms/token")
    assert answer["Cache-Control"] == "no-store"
    assert answer.json().keys() == {"token", "expiresAt"}
    assert selectors.find_family(access_token=answer.json()["token"]).user == alice


def test_nobody_gets_none(client: Client) -> None:
    answer = client.post("/rooms/token")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer["Cache-Control"] == "no-store"


def test_another_site_cannot_ask_for_one(alice: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert strict.post("/rooms/token").json()["code"] == "csrf_failed"
    strict.get("/rooms")
    proof = {"X-CSRFToken": strict.cookies["rallypoint_csrf"].value}
    assert strict.post("/rooms/token", headers=proof).status_code == 200
    assert strict.get("/rooms/token").status_code == 405


def test_pages_of_other_sites_may_load_the_client(client: Client) -> None:
    answer = client.get("/static/realtime/rallypoint.js")
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Content-Type"].startswith("text/javascript")
    source = b"".join(answer).decode()
    assert not re.search(r"^import|innerHTML|eval\(", source, re.MULTILINE)
