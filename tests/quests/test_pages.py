"""The pages of visitors and players, as a browser without JavaScript sees them."""

import re
from datetime import timedelta
from html import unescape
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User, Wallet
from links.models import MarkedClick, VisitOutcome
from links.services import create_link
from quests.completions.completing import complete_quest
from quests.completions.correcting import hold_completion
from quests.demo_players import address_of
from quests.models import Achievement, Completion, Evidence, Proof, Season
from quests.pages.showing import ShownStep
from quests.progress import start_quest, submit_step
from realtime.rooms import create_room
from tests.quests.conftest import CODE, PROOF, QUIZ, QUIZ_RIGHT, TRUSTED, MakeQuest

pytestmark = pytest.mark.django_db
INLINE = re.compile(
    r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|[\"']javascript:", re.IGNORECASE
)
SIGNATURE = {
    "id": "oath",
    "kind": "wallet_signature",
    "title": "The oath",
    "config": {"sentence": "I will be kind."},
}
STREAK = {"id": "days", "kind": "streak", "title": "Three days", "config": {"days": 3}}
FRIENDS = {"id": "friends", "kind": "referral", "title": "Friends", "config": {"friends": 2}}
PIXEL = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"


@pytest.fixture
def hers(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def text(answer: Any) -> str:
    """What is read, without tags, in one line."""
    bare = unescape(re.sub(r"<[^>]+>", " ", answer.content.decode()))
    return re.sub(r" ([.,])", r"\1", re.sub(r"\s+", " ", bare))


def html(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


# --- The front page -------------------------------------------------------------------------------
def test_visitors_see_what_happens_here(client: Client, alice: User, make_quest: MakeQuest) -> None:
    complete_quest(player=alice, number=make_quest(title="Wave").number)
    page = client.get("/")
    assert "alice completed Wave" in text(page)
    assert "Players 1 XP paid 10 Quests completed 1" in text(page)
    assert html(page).count('href="/login"') == 2  # above, and where the page says what it is for
    assert "Try as a demo player" not in text(page)


def test_who_is_signed_in_sees_where_she_stands(
    hers: Client, alice: User, make_quest: MakeQuest
) -> None:
    done, other = make_quest(title="Wave", xpReward=150), make_quest(title="Clap")
    complete_quest(player=alice, number=done.number)
    start_quest(player=alice, number=other.number)
    create_room(creator=alice, slug="harbour", name="Harbour")
    create_link(owner=alice, url="https://example.com/", title="Poster")
    page = text(hers.get("/"))
    assert "Level 2 150 XP" in page
    assert "150 XP to level 3" in page
    assert "Rank #1" in page
    for shown in ("Clap", "Started", "Harbour", "Poster"):
        assert shown in page


# --- The board ------------------------------------------------------------------------------------
def test_the_board_says_what_each_quest_is_to_her(
    hers: Client, alice: User, bob: User, make_quest: MakeQuest
) -> None:
    now = timezone.now()
    done = make_quest(title="Wave")
    complete_quest(player=alice, number=done.number)
    start_quest(player=alice, number=make_quest(CODE, title="Listen").number)
    complete_quest(player=bob, number=make_quest(title="First", quota=1).number)
    held = make_quest(title="Trusted", holdCompletions=True)
    complete_quest(player=alice, number=held.number)
    first = make_quest(CODE, title="Base")
    make_quest(title="Tower", prerequisites={"quest": first.number})
    make_quest(title="Soon", startsAt=(now + timedelta(days=2)).isoformat())
    make_quest(title="Gone", endsAt=(now - timedelta(days=2)).isoformat())
    make_quest(title="Hidden", status="draft")
    page = html(hers.get("/quests"))
    cards = {
        unescape(title): body
        for body, title in re.findall(r'<li class="(quest .*?>([^<>]+)</a> </h3>.*?)</ul>', page)
    }
    expected = {
        "Wave": "✓ Done", "Listen": "Started", "First": "No places left",
        "Trusted": "Held for review", "Base": "Open", "Tower": "Needs first: “Base”",
        "Soon": "Upcoming", "Gone": "Ended",
    }  # fmt: skip
    assert {
        title: said in unescape(cards[title]) for title, said in expected.items()
    } == dict.fromkeys(expected, True)
    assert list(cards)[:2] == ["Listen", "Base"]
    assert "Hidden" not in page


def test_the_board_is_narrowed(hers: Client, make_quest: MakeQuest) -> None:
    make_quest(title="Wave", category="welcome")
    make_quest(title="Clap", category="events", status="closed")
    assert "Clap" not in text(hers.get("/quests", {"category": "welcome"}))
    assert "Wave" not in text(hers.get("/quests", {"state": "ended"}))
    nothing = text(hers.get("/quests", {"state": "completed"}))
    assert "No quest matches." in nothing
    # What names nothing that is there is not asked for.
    strange = text(hers.get("/quests", {"category": "x", "season": "x", "page": "x"}))
    assert "Wave" in strange
    assert "Clap" in strange


def test_an_empty_board_says_so(client: Client, operator: User) -> None:
    assert "There is nothing to do yet. Come back soon." in text(client.get("/quests"))
    client.force_login(operator)
    assert "Write the first quest" in text(client.get("/quests"))


def test_the_season_counts_down(client: Client, make_quest: MakeQuest) -> None:
    ends = timezone.now() + timedelta(days=9, minutes=5)
    Season.objects.create(slug="spring", name="Spring", ends_at=ends)
    make_quest(season="spring")
    make_quest(title="Elsewhere")
    page = client.get("/quests", {"season": "spring"})
    assert "Ends in 1 week, 2 days" in text(page)
    assert "data-until=" in html(page)
    assert "Elsewhere" not in text(page)


# --- Playing --------------------------------------------------------------------------------------
def test_a_visitor_may_look_and_is_asked_to_sign_in(client: Client, make_quest: MakeQuest) -> None:
    number = make_quest(QUIZ, content="# Welcome\n\n**Read** this.").number
    page = client.get(f"/quests/{number}")
    assert "<h3>Welcome</h3> <p><strong>Read</strong> this.</p>" in html(page)
    assert "Two and two?" not in text(page)
    assert f'href="/login?next=/quests/{number}"' in html(page)
    for address in ("start", "complete", "steps/quiz"):
        answer = client.post(f"/quests/{number}/{address}")
        assert answer["Location"].startswith("/login?next=")


@pytest.mark.parametrize("status", ["draft", None])
def test_what_nobody_may_see_is_not_there(
    hers: Client, make_quest: MakeQuest, status: str | None
) -> None:
    number = make_quest(status=status).number if status else 99
    for method, address in (
        ("get", ""),
        ("get", "/why"),
        ("post", "/start"),
        ("post", "/complete"),
    ):
        assert getattr(hers, method)(f"/quests/{number}{address}").status_code == 404


def test_a_quiz_is_answered_and_the_quest_completed(
    hers: Client, alice: User, make_quest: MakeQuest
) -> None:
    Achievement.objects.create(slug="first", name="First steps", metric="completions")
    number = make_quest(QUIZ).number
    page = f"/quests/{number}"
    assert hers.post(f"{page}/start")["Location"] == f"{page}#steps"
    wrong = hers.post(f"{page}/steps/quiz", {"q0": "0", "q1": ["0", "1"]})
    assert "This is not right. 1 try left until a pause." in text(wrong)
    assert re.search(r'name="q1" value="1" checked', html(wrong))
    partly = hers.post(f"{page}/steps/quiz", {"q0": "1"})
    assert (partly.status_code, "Question 2 has no answer yet." in text(partly)) == (400, True)
    right = hers.post(f"{page}/steps/quiz", {"q0": "1", "q1": ["0", "2"]})
    assert right["Location"] == f"{page}#step-quiz"
    done = hers.post(f"{page}/complete", follow=True)
    assert "“Say hello” is done: +10 XP." in text(done)
    assert "You earned 10 XP" in text(done)
    assert "★ First steps" in text(done)
    assert Completion.objects.get(player=alice).xp == 10
    assert hers.post(f"{page}/complete")["Location"] == page  # a second time is no mistake


def test_guessing_is_paused(hers: Client, make_quest: MakeQuest) -> None:
    page = f"/quests/{make_quest(QUIZ).number}"
    wrong = {"q0": "0", "q1": "0"}
    hers.post(f"{page}/steps/quiz", wrong)
    last = hers.post(f"{page}/steps/quiz", wrong)
    assert "there is a pause now" in text(last)
    refused = hers.post(f"{page}/steps/quiz", wrong)
    assert (refused.status_code, "Try again in" in text(refused)) == (429, True)
    assert 'name="q0"' not in html(hers.get(page))


def test_completing_too_early_says_what_is_missing(hers: Client, make_quest: MakeQuest) -> None:
    refused = hers.post(f"/quests/{make_quest(CODE).number}/complete")
    assert refused.status_code == 409
    assert "Still missing: The word of the talk." in text(refused)


def test_a_code_is_sent(hers: Client, alice: User, make_quest: MakeQuest) -> None:
    page = f"/quests/{make_quest(CODE).number}"
    wrong = hers.post(f"{page}/steps/code", {"answer": "mellon"})
    assert 'value="mellon"' in html(wrong)
    assert "aria-invalid" in html(wrong)
    hers.post(f"{page}/steps/code", {"answer": "OPEN sesame"})
    assert Evidence.objects.get(player=alice).step == "code"
    assert hers.get(f"{page}/steps/code")["Location"] == f"{page}#step-code"


def test_a_proof_is_sent_as_one_of_three(hers: Client, alice: User, make_quest: MakeQuest) -> None:
    page = f"/quests/{make_quest(PROOF).number}"
    step = f"{page}/steps/proof"
    assert "There is nothing to look at yet." in text(hers.post(step, {"text": " "}))
    both = hers.post(step, {"text": "a", "link": "https://example.com/"})
    assert "Send one of them." in text(both)
    fake = SimpleUploadedFile("a.png", b"no image at all")
    assert "An image is a PNG" in text(hers.post(step, {"image": fake}))
    sent = hers.post(step, {"image": SimpleUploadedFile("a.png", PIXEL)}, follow=True)
    assert "Somebody will look at it." in text(sent)
    assert "Waiting for review" in text(sent)
    assert bytes(Proof.objects.get(evidence__player=alice).image or b"") == PIXEL


def test_a_rejected_proof_says_why_and_may_be_sent_again(
    hers: Client, alice: User, make_quest: MakeQuest
) -> None:
    number = make_quest(PROOF).number
    submit_step(player=alice, number=number, key="proof", answer={"text": "Look"})
    Evidence.objects.update(state="rejected", review_note="Too dark.")
    page = hers.get(f"/quests/{number}")
    assert "rejected: Too dark." in text(page)
    assert 'type="file"' in html(page)


def test_steps_that_take_time_show_how_far_she_is(
    hers: Client, alice: User, make_quest: MakeQuest
) -> None:
    Wallet.objects.create(user=alice, address="0x" + "52" * 20, is_primary=True)
    page = f"/quests/{make_quest(STREAK, FRIENDS).number}"
    hers.post(f"{page}/steps/days")
    shown = hers.get(page)
    assert "1 of 3" in text(shown)
    assert '<progress class="bar" max="3" value="1"' in html(shown)
    assert "0 of 2" in text(shown)
    assert "0x5252525252525252525252525252525252525252" in html(shown)


def test_the_words_to_sign_are_those_that_count(hers: Client, make_quest: MakeQuest) -> None:
    number = make_quest(SIGNATURE).number
    page = html(hers.get(f"/quests/{number}"))
    assert f'data-sign="I will be kind. Instance: https://rally.test Quest: {number}"' in page


def test_a_kind_without_a_page_of_its_own_is_shown_all_the_same(
    hers: Client, make_quest: MakeQuest, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = make_quest(CODE, TRUSTED).number
    monkeypatch.setattr(
        "quests.pages.showing.ShownStep.templates",
        ["quests/steps/x.html", "quests/steps/generic.html"],
    )
    page = hers.get(f"/quests/{number}")
    assert "Your answer" in text(page)
    assert "Nothing was seen. This page shows it as soon as it is seen." in text(page)


@pytest.mark.parametrize(
    ("kind", "config", "shown"),
    [
        ("visit_link", {"link": "poster", "dwellSeconds": 20}, "Stay at least 20 seconds"),
        (
            "room_presence",
            {"room": "harbour", "minutes": 30, "withinMinutes": 60, "challengeMinutes": 10},
            "Be in the room for 30 minutes within 60 minutes. Every 10 minutes it asks",
        ),
        (
            "room_message",
            {"room": "harbour", "messages": 3, "days": 2, "minLength": 20},
            "Say 3 things in the room, on 2 different days, each of at least 20 characters.",
        ),
    ],
)
def test_what_the_server_sees_by_itself_has_a_way_there(
    make_quest: MakeQuest, kind: str, config: dict[str, Any], shown: str
) -> None:
    step = ShownStep("one", kind, "Be there", 0, 1, config=config)
    part = render_to_string(step.templates, {"step": step, "quest": make_quest()})
    assert shown in text(HttpResponse(part))
    assert re.search(r'href="/rooms/harbour"|action="/quests/1/steps/one/visit"', part)


def test_a_step_in_order_says_when_it_counts(client: Client, make_quest: MakeQuest) -> None:
    number = make_quest(CODE, {**TRUSTED, "ordered": True, "withinSeconds": 600}).number
    page = text(client.get(f"/quests/{number}"))
    assert page.count("Counts after the step before it, if it begins within 10 min.") == 1


def test_only_links_are_visited(hers: Client, make_quest: MakeQuest) -> None:
    number = make_quest(CODE).number
    assert hers.post(f"/quests/{number}/steps/code/visit").status_code == 409
    assert hers.post(f"/quests/{number}/steps/none/visit").status_code == 404


def test_what_stands_in_the_way_is_said_before_anything_is_tried(
    hers: Client, alice: User, make_quest: MakeQuest
) -> None:
    first = make_quest(title="Base").number
    locked = hers.get(f"/quests/{make_quest(CODE, prerequisites={'quest': first}).number}")
    assert "Locked. It builds on:" in text(locked)
    assert 'name="answer"' not in html(locked)
    held = make_quest(title="Held", holdCompletions=True).number
    done = hers.post(f"/quests/{held}/complete", follow=True)
    assert "It is paid after a review." in text(done)
    assert "Held for review" in text(done)


def test_a_part_of_the_page_comes_alone(hers: Client, make_quest: MakeQuest) -> None:
    number = make_quest(CODE).number
    part = hers.get(f"/quests/{number}", {"part": "play"})
    assert "<html" not in html(part)
    assert 'data-key="code"' in html(part)
    assert part["Cache-Control"] == "no-store"


def test_forms_of_other_sites_are_refused(alice: User, make_quest: MakeQuest) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    number = make_quest().number
    assert strict.post(f"/quests/{number}/complete").status_code == 403
    assert strict.post("/login/demo").status_code == 403
    assert not Completion.objects.exists()


# --- Why ------------------------------------------------------------------------------------------
def test_why_not_and_what_for(hers: Client, alice: User, make_quest: MakeQuest) -> None:
    first = make_quest(title="Base").number
    quest = make_quest(QUIZ, TRUSTED, prerequisites={"all": [{"quest": first}]})
    number = quest.number
    before = text(hers.get(f"/quests/{number}/why"))
    assert "You do not have what it builds on. prerequisites_missing" in before
    assert "Quest 1 completed (not yet)" in before
    assert "Nothing has been seen for this step." in before
    complete_quest(player=alice, number=first)
    submit_step(player=alice, number=number, key="quiz", answer=QUIZ_RIGHT)
    for name in ("one", "two"):
        Evidence.objects.create(
            player=alice, quest=quest, step="visit", kind="evidence", source_id=name,
            state="verified", occurred_at=timezone.now(), payload={"assertedBy": "operator"},
        )  # fmt: skip
    assert "Completing it would work now." in text(hers.get(f"/quests/{number}/why"))
    complete_quest(player=alice, number=number)
    after = text(hers.get(f"/quests/{number}/why"))
    assert "paid, 10 XP" in after
    assert "2 of 2 questions right counts" in after
    assert "Asserted by operator counts" in after
    assert "Asserted by operator is seen, and does not count for this completion" in after


def test_why_tells_what_was_seen_and_does_not_count(
    hers: Client, alice: User, make_quest: MakeQuest
) -> None:
    link = create_link(owner=alice, url="https://example.com/", slug="poster")
    visit = {"id": "go", "kind": "visit_link", "title": "Read", "config": {"link": link.slug}}
    number = make_quest(visit, CODE).number
    submit_step(player=alice, number=number, key="code", answer="open sesame")
    MarkedClick.objects.create(
        event_id=uuid4(), link_id=link.pk, subject=str(alice.public_id), at=timezone.now(),
        outcome=VisitOutcome.BOT,
    )  # fmt: skip
    page = text(hers.get(f"/quests/{number}/why"))
    assert "The right code is seen" in page or "The right code counts" in page
    assert (
        "The link was opened. does not count: It was opened by a program, not by a browser." in page
    )
    assert "wrong answer" not in page
    submit_step(player=alice, number=number, key="code", answer="open says me")
    assert "1 wrong answer so far." in text(hers.get(f"/quests/{number}/why"))


# --- Leaderboards ---------------------------------------------------------------------------------
def _players(count: int, number: int) -> list[User]:
    players = [User.objects.create_user(f"player-{place:02}") for place in range(1, count + 1)]
    for one in players:
        complete_quest(player=one, number=number)
    return players


def test_places_are_paged_and_hers_can_be_reached(
    hers: Client, alice: User, make_quest: MakeQuest
) -> None:
    number = make_quest().number
    _players(30, number)
    complete_quest(player=alice, number=number)
    first = hers.get("/leaderboard")
    assert text(first).count("player-") == 25
    assert "You are #31 of 31. Go to your place" in text(first)
    assert 'href="?page=2#you"' in html(first)
    own = hers.get("/leaderboard", {"page": "2"})
    assert re.search(r'<tr class="is-own" id="you"[^>]*>.*?alice.*?You', html(own))
    part = hers.get("/leaderboard", {"page": "2", "part": "places"})
    assert "<html" not in html(part)
    assert 'rel="prev" href="?page=1"' in html(part)


def test_each_season_has_a_board_and_a_closed_one_keeps_it(
    client: Client, alice: User, bob: User, make_quest: MakeQuest
) -> None:
    season = Season.objects.create(slug="spring", name="Spring")
    complete_quest(player=alice, number=make_quest(season="spring").number)
    complete_quest(player=bob, number=make_quest(title="Other", xpReward=90).number)
    spring = text(client.get("/leaderboard", {"season": "spring"}))
    assert "alice" in spring
    assert "bob" not in spring
    season.closed_at = timezone.now()
    season.save()
    season.ranks.create(player=bob, rank=1, xp=7, completions=1)
    final = text(client.get("/leaderboard", {"season": "spring"}))
    assert "These places are final." in final
    assert "bob" in final
    assert "alice" not in final
    assert client.get("/leaderboard", {"season": "none"}).status_code == 404


def test_an_empty_leaderboard_invites(client: Client) -> None:
    assert "Nobody stands here yet." in text(client.get("/leaderboard"))


# --- Players --------------------------------------------------------------------------------------
def test_a_profile_is_found_by_name_and_by_id(
    client: Client, alice: User, make_quest: MakeQuest
) -> None:
    Wallet.objects.create(user=alice, address="0x" + "52" * 20, is_primary=True)
    complete_quest(player=alice, number=make_quest(title="Wave").number)
    for name in ("ALICE", alice.public_id):
        page = text(client.get(f"/players/{name}"))
        assert "Wave" in page
        assert "0x5252…5252" in page
    alice.is_active = False
    alice.save()
    assert client.get("/players/alice").status_code == 404
    assert client.get("/players/nobody").status_code == 404


def test_each_line_of_her_xp_opens_to_its_evidence(
    hers: Client, alice: User, operator: User, make_quest: MakeQuest
) -> None:
    number = make_quest(CODE, title="Listen").number
    submit_step(player=alice, number=number, key="code", answer="open sesame")
    complete_quest(player=alice, number=number)
    hold_completion(
        completion=Completion.objects.get(), actor=operator, reason="We look at it once more."
    )
    page = text(hers.get("/me"))
    assert "Listen Quest completed" in page
    assert "The right code" in page
    assert "−10" in page  # noqa: RUF001 - the minus is meant
    assert "By operator: We look at it once more." in page
    assert "Held for review" in page


def test_her_own_pages_are_for_her(client: Client) -> None:
    assert client.get("/me")["Location"] == "/login?next=/me"


# --- The demo -------------------------------------------------------------------------------------
def test_a_visitor_is_a_player_of_the_demo(
    client: Client, settings: Settings, operator: User
) -> None:
    settings.DEMO_SIGN_IN = True
    assert "Try as a demo player" not in text(client.get("/login"))
    assert client.post("/login/demo").status_code == 404
    made = {name: User.objects.create_user(f"{name}-demo") for name in ("maya", "joao")}
    for name, user in made.items():
        Wallet.objects.create(user=user, address=address_of(name), is_primary=True)
    for page in ("/login", "/"):
        assert "Try as a demo player" in text(client.get(page))
    assert "You are maya-demo now" in text(client.post("/login/demo", follow=True))
    assert "You are joao-demo now" in text(Client().post("/login/demo", follow=True))


def test_the_demo_is_no_way_in_when_it_must_not_be(client: Client, settings: Settings) -> None:
    player = User.objects.create_user("maya-demo")
    Wallet.objects.create(user=player, address=address_of("maya"), is_primary=True)
    settings.DEMO_SIGN_IN = False
    assert client.post("/login/demo").status_code == 404
    settings.DEMO_SIGN_IN = True
    player.is_staff = True
    player.save()
    assert client.post("/login/demo").status_code == 404
    assert "_auth_user_id" not in client.session


# --- What all pages have in common ----------------------------------------------------------------
def test_no_page_needs_more_than_our_strict_policy(
    hers: Client, alice: User, make_quest: MakeQuest
) -> None:
    number = make_quest(QUIZ, CODE, PROOF, STREAK, SIGNATURE, FRIENDS, TRUSTED).number
    start_quest(player=alice, number=number)
    play = f"/quests/{number}"
    for path in ("/", "/quests", play, f"{play}/why", "/leaderboard", "/players/alice", "/me"):
        for page in (hers.get(path), Client().get(path)):
            assert not INLINE.search(html(page)), path
            headings = [int(level) for level in re.findall(r"<h([1-6])", html(page))]
            assert all(below - above <= 1 for above, below in pairwise([0, *headings])), path


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("/", 15), ("/quests", 10), ("/quests/1", 12), ("/quests/1/why", 12), ("/leaderboard", 5),
        ("/players/alice", 7), ("/me", 12),
    ],
)  # fmt: skip
def test_pages_ask_little(
    hers: Client,
    alice: User,
    make_quest: MakeQuest,
    django_assert_num_queries: DjangoAssertNumQueries,
    path: str,
    queries: int,
) -> None:
    quests = [make_quest(CODE, title=f"Q{n}", quota=5, category="c") for n in range(3)]
    for quest in quests[1:]:
        submit_step(player=alice, number=quest.number, key="code", answer="open sesame")
        complete_quest(player=alice, number=quest.number)
    make_quest(title="Locked", prerequisites={"quest": quests[0].number})
    start_quest(player=alice, number=1)
    hers.get(path)
    with django_assert_num_queries(queries):
        assert hers.get(path).status_code == 200
