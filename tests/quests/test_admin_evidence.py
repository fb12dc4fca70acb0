"""Evidence, challenges and what the house observes, in the admin."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import User
from links.models import Link, MarkedClick, VisitOutcome
from links.redirect.click import new_event_id
from quests.models import Attempt, Challenge, Evidence, Quest
from quests.progress import start_quest, submit_step
from tests.quests.conftest import CODE, QUIZ, QUIZ_RIGHT, Allow, MakeQuest
from tests.quests.test_admin_quests import change, step, typed

pytestmark = pytest.mark.django_db
EVIDENCE = "/admin/quests/evidence/"
CHALLENGES = "/admin/quests/challenge/"
WHY = "/admin/quests/completion/why/"
VISIT = {"id": "visit", "kind": "visit_link", "title": "Read it", "config": {"link": "handbook"}}


def text(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


@pytest.fixture
def link(alice: User) -> Link:
    return Link.objects.create(
        owner=alice, slug="handbook", slug_key="handbook", url="https://example.com/"
    )


# --- The quest's form -----------------------------------------------------------------------------


def test_steps_in_order_and_the_room_that_is_told_are_typed_and_shown_again(
    pages: Client, make_quest: MakeQuest
) -> None:
    quest = make_quest(QUIZ, CODE)
    form = typed(
        pages, change(quest), announce_room="lobby",
        **step(1, ordered="on", within_seconds="3600"),
    )  # fmt: skip
    assert pages.post(change(quest), form).status_code == 302
    quest.refresh_from_db()
    steps = quest.requirements.values_list("is_ordered", "within_seconds")
    assert (quest.announce_room, quest.version) == ("lobby", 2)
    assert list(steps) == [(False, None), (True, 3600)]
    again = typed(pages, change(quest))
    assert (again["steps-1-ordered"], again["steps-1-within_seconds"]) == ("on", "3600")
    assert pages.post(change(quest), again).status_code == 302
    quest.refresh_from_db()
    assert quest.version == 2


@pytest.mark.parametrize(
    ("wrong", "row", "sentence"),
    [
        (step(1, within_seconds="60"), 1, "Only a step that is ordered has a gap"),
        (step(1, ordered="on", within_seconds="0"), 1, "greater than or equal to 1"),
        (step(0, ordered="on"), None, "The first step has none before it."),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_where_it_was_typed(
    pages: Client, make_quest: MakeQuest, wrong: dict[str, str], row: int | None, sentence: str
) -> None:
    quest = make_quest(QUIZ, CODE)
    answer = pages.post(change(quest), typed(pages, change(quest), **wrong))
    assert answer.status_code == 200
    form = answer.context["adminform"].form
    errors = form.non_field_errors() if row is None else form.steps.forms[row].errors
    assert sentence in str(errors)
    quest.refresh_from_db()
    assert quest.version == 1


def test_who_may_only_look_is_told_the_order(allowed: Allow, make_quest: MakeQuest) -> None:
    quest = make_quest(QUIZ, CODE | {"ordered": True, "withinSeconds": 90})
    page = text(allowed("view_quest").get(change(quest)))
    assert "only after the step before it , within 90 s" in page


# --- Evidence -------------------------------------------------------------------------------------


@pytest.fixture
def evidence(make_quest: MakeQuest, alice: User) -> Evidence:
    quest = make_quest(QUIZ)
    start_quest(player=alice, number=quest.number)
    submit_step(player=alice, number=quest.number, key="quiz", answer=QUIZ_RIGHT)
    return Evidence.objects.get()


def test_evidence_is_found_by_kind_state_and_source(
    pages: Client, evidence: Evidence, django_assert_num_queries: Any
) -> None:
    Evidence.objects.update(state="withdrawn", source_id="0123456789abcdef0123456789abcdef")
    page = text(pages.get(f"{EVIDENCE}?state__exact=withdrawn"))
    assert "0123456789abcdef01234567…" in page
    assert 'name="state__exact"' in page or "state__exact=withdrawn" in page
    assert "alice" in text(pages.get(f"{EVIDENCE}?q=0123456789abcdef0123456789abcdef"))
    assert "alice" not in text(pages.get(f"{EVIDENCE}?state__exact=verified"))
    assert "withdrawn" in text(pages.get(f"{EVIDENCE}{evidence.pk}/change/"))
    for _ in range(2):
        # The session, its person, two choices of the filters, how many there are, a page, and
        # what waits for review in the sidebar: the same for one as for more.
        with django_assert_num_queries(7):
            pages.get(EVIDENCE)
        for number in range(4):
            Evidence.objects.create(
                player=evidence.player, quest=evidence.quest, step="quiz", kind="quiz",
                state="verified", occurred_at=timezone.now(), source_id=f"other {number}",
            )  # fmt: skip
            Evidence.objects.filter(source_id=f"other {number}").update(source_id=f"{_} {number}")


# --- Challenges -----------------------------------------------------------------------------------


def test_challenges_are_looked_at_without_their_words(
    pages: Client, allowed: Allow, make_quest: MakeQuest, alice: User, bob: User
) -> None:
    quest, now = make_quest(QUIZ), timezone.now()
    for player, answered, ends in ((alice, now, 60), (bob, None, -60)):
        Challenge.objects.create(
            attempt=Attempt.objects.create(player=player, quest=quest), step="quiz", word="SECRET7",
            asked_at=now - timedelta(minutes=5), answered_at=answered,
            expires_at=now + timedelta(seconds=ends),
        )  # fmt: skip
    page = text(pages.get(CHALLENGES))
    assert "alice" in page
    assert "SECRET7" not in page
    unanswered = text(pages.get(f"{CHALLENGES}?answer=unanswered"))
    assert ("bob" in unanswered, ">alice<" in unanswered) == (True, False)
    one = f"{CHALLENGES}{Challenge.objects.get(attempt__player=bob).pk}/change/"
    assert "SECRET7" not in text(pages.get(one))
    assert pages.post(one, {"word": "x"}).status_code == 403
    assert pages.get(f"{CHALLENGES}add/").status_code == 403
    assert allowed("view_challenge").get(CHALLENGES).status_code == 200
    assert allowed("view_evidence").get(CHALLENGES).status_code == 403


# --- Why? -----------------------------------------------------------------------------------------


def test_why_says_what_each_piece_is_and_what_was_seen_and_did_not_count(
    pages: Client, make_quest: MakeQuest, bob: User, link: Link
) -> None:
    quest: Quest = make_quest(VISIT)
    start_quest(player=bob, number=quest.number)
    outcomes = [VisitOutcome.BOT, VisitOutcome.BOT, VisitOutcome.EXPIRED, VisitOutcome.COUNTED]
    for seconds, outcome in enumerate(outcomes, 1):
        MarkedClick.objects.create(
            event_id=new_event_id().hex(), at=timezone.now() + timedelta(seconds=seconds),
            link_id=link.pk, subject=str(bob.public_id), outcome=outcome,
        )  # fmt: skip
    page = text(pages.get(f"{WHY}?player=bob&quest={quest.number}"))
    assert "The link /handbook was opened. <strong>verified</strong>, counts" in page
    assert "Seen, and not counted" in page
    assert "The address had expired." in page
    assert re.search(r"opened by a program, not by a browser. <strong>2 times", page)
