"""A quest's statistics."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from links.models import Link, MarkedClick, VisitOutcome
from links.redirect.click import new_event_id
from quests import reviews
from quests.completions.completing import complete_quest
from quests.completions.correcting import hold_completion
from quests.models import Attempt, Challenge, Completion, Evidence, Quest
from quests.progress import start_quest, submit_step
from quests.statistics import statistics_of
from tests.quests.conftest import CODE, PROOF, QUIZ, QUIZ_RIGHT, Allow, MakeQuest

pytestmark = pytest.mark.django_db
VISIT = {"id": "visit", "kind": "visit_link", "title": "Read it", "config": {"link": "handbook"}}


def page_of(quest: Quest) -> str:
    return f"/admin/quests/quest/{quest.pk}/statistics/"


def play(player: User, quest: Quest, *, quiz: Any = QUIZ_RIGHT, code: str = "") -> None:
    start_quest(player=player, number=quest.number)
    submit_step(player=player, number=quest.number, key="quiz", answer=quiz)
    if code:
        submit_step(player=player, number=quest.number, key="code", answer=code)


def test_the_funnel_says_how_many_came_how_far(
    make_quest: MakeQuest, alice: User, bob: User, charlie: User, operator: User
) -> None:
    quest, other = make_quest(QUIZ, CODE), make_quest(QUIZ)
    play(alice, quest, code="open sesame")
    play(bob, quest, code="wrong")
    play(charlie, quest, quiz={"0": [0], "1": [0]})
    play(charlie, other)
    Attempt.objects.filter(player=alice).update(started_at=timezone.now() - timedelta(minutes=5))
    complete_quest(player=alice, number=quest.number)
    hold_completion(completion=Completion.objects.get(), reason="Looked at.", actor=operator)

    found = statistics_of(quest.pk)

    assert (found.started, [step.met for step in found.steps]) == (3, [2, 1])
    assert (found.paid, found.held, found.reversed, found.completed) == (0, 1, 0, 1)
    assert found.median_seconds == pytest.approx(300, abs=5)
    quiz, code = found.steps
    assert (quiz.states, quiz.reasons) == ({"verified": 2}, [("A wrong answer.", 1)])
    assert (code.states, code.reasons) == ({"verified": 1}, [("A wrong answer.", 1)])
    assert (len(found.days), found.days[-1][1], sum(n for _, n in found.days)) == (30, 1, 1)


def test_reasons_are_those_of_reviews_of_clicks_and_of_words(
    make_quest: MakeQuest, link: Link, alice: User, bob: User, operator: User
) -> None:
    quest = make_quest(PROOF, VISIT)
    for player in (alice, bob):
        sent = submit_step(
            player=player, number=quest.number, key="proof", answer={"text": f"I am {player}"}
        )
        assert sent.evidence
        reviews.reject(
            evidence=sent.evidence, actor=operator, note="Too dark.",
            expected_version=sent.evidence.version,
        )  # fmt: skip
    for player, outcome in ((alice, VisitOutcome.BOT), (bob, VisitOutcome.BOT),
                            (bob, VisitOutcome.EXPIRED), (bob, VisitOutcome.COUNTED)):  # fmt: skip
        MarkedClick.objects.create(
            event_id=new_event_id().hex(), at=timezone.now(), link_id=link.pk,
            subject=str(player.public_id), outcome=outcome,
        )  # fmt: skip
    attempt = Attempt.objects.get(player=bob)
    past = timezone.now() - timedelta(minutes=9)
    Challenge.objects.create(
        attempt=attempt, step="visit", word="1", asked_at=past, expires_at=past
    )

    proof, visit = statistics_of(quest.pk).steps

    assert (proof.states, proof.reasons) == ({"rejected": 2}, [("Too dark.", 2)])
    assert visit.reasons[0] == ("The click was a bot's.", 2)
    assert set(visit.reasons[1:]) == {
        ("The click was expired.", 1), ("Asked for a word, and did not answer.", 1),
    }  # fmt: skip


@pytest.fixture
def link(alice: User) -> Link:
    return Link.objects.create(
        owner=alice, slug="handbook", slug_key="handbook", url="https://example.com/"
    )


def test_the_page_costs_the_same_for_any_number_of_players(
    pages: Client, make_quest: MakeQuest, django_assert_num_queries: Any
) -> None:
    quest = make_quest(QUIZ, CODE)
    for number in range(12):
        player = User.objects.create_user(username=f"player{number}")
        play(player, quest, code="open sesame" if number % 2 else "wrong")
    # The session, its person, the quest, its steps, five statistics, and what waits for review in
    # the sidebar.
    with django_assert_num_queries(10):
        page = pages.get(page_of(quest)).content.decode()
    assert page.count("<meter") == 4
    assert 'value="50"' in page


def test_evidence_that_was_withdrawn_is_counted_with_its_reason(
    make_quest: MakeQuest, alice: User
) -> None:
    quest = make_quest(QUIZ)
    play(alice, quest)
    Evidence.objects.update(state="withdrawn", review_note="The message was deleted.")
    (step,) = statistics_of(quest.pk).steps
    assert (step.met, step.states) == (0, {"withdrawn": 1})
    assert step.reasons == [("The message was deleted.", 1)]


def test_it_is_found_from_the_list_and_from_the_quest_by_who_may_see_quests(
    allowed: Allow, make_quest: MakeQuest
) -> None:
    quest = make_quest()
    client = allowed("view_quest")
    for path in ("/admin/quests/quest/", f"/admin/quests/quest/{quest.pk}/change/"):
        assert page_of(quest) in client.get(path).content.decode()
    assert "Nothing has to be done for it." in client.get(page_of(quest)).content.decode()
    assert client.get(page_of(Quest(pk=quest.pk + 9))).status_code in {403, 404}
    assert allowed("view_link").get(page_of(quest)).status_code == 403
