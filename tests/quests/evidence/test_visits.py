"""A click that the redirect saw pays a quest; a click that is not the player's own never does."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from links.models import Link, MarkedClick, VisitOutcome
from links.services import create_link
from monitoring.wire.problems import Problem
from quests.authoring.document import document_of
from quests.authoring.services import update_quest
from quests.definitions import definition_of
from quests.evidence import verifying
from quests.explanation import StepExplanation, explain
from quests.models import Completion, Evidence, Quest
from quests.progress import submit_step
from quests.requirements import judging
from quests.selectors import total_xp
from tests.links.conftest import GOOGLEBOT
from tests.quests.conftest import CODE, MakeQuest
from tests.quests.evidence.conftest import VISIT, House

pytestmark = pytest.mark.django_db


def step_of(player: User, quest: Quest) -> StepExplanation:
    return explain(player, definition_of(quest)).steps[0]


def test_a_click_of_the_players_own_address_pays_the_quest_once(
    bob: User, link: Link, make_quest: MakeQuest, house: House
) -> None:
    quest = make_quest(VISIT)
    address = house.address(bob, quest)

    house.opened(address, link)
    house.opened(address, link)

    assert total_xp(bob) == 10
    evidence = Evidence.objects.get(completion=Completion.objects.get())
    assert (evidence.kind, evidence.payload) == ("visit_link", {"link": "handbook"})
    step = step_of(bob, quest)
    assert [(seen.is_counted, seen.what) for seen in step.evidence] == [
        (True, "The link /handbook was opened.")
    ]


def test_a_click_that_comes_before_the_code_waits_for_it(
    bob: User, link: Link, make_quest: MakeQuest, house: House
) -> None:
    quest = make_quest(VISIT, CODE)
    house.opened(house.address(bob, quest), link)
    assert not Completion.objects.exists()

    submit_step(player=bob, number=quest.number, key="code", answer="open sesame")

    assert Completion.objects.get().player == bob


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("bot", "It was opened by a program, not by a browser."),
        ("expired", "The address had expired. Take a new one from the quest's page."),
        ("other browser", "It was opened in another browser than the one it was given to."),
    ],
)
def test_what_does_not_count_is_shown_with_its_reason(
    bob: User, link: Link, make_quest: MakeQuest, house: House, how: str, reason: str
) -> None:
    quest = make_quest(VISIT)
    address = house.address(bob, quest)
    match how:
        case "bot":
            house.opened(address, link, agent=GOOGLEBOT)
        case "expired":
            house.opened(address, link, at=timezone.now() + timedelta(hours=2))
        case _:
            house.opened(address, link, browser="b" * 22)

    assert not Completion.objects.exists()
    assert [seen.reason for seen in step_of(bob, quest).disregarded] == [reason]


def test_another_players_address_is_worth_nothing_to_who_opens_it(
    bob: User, charlie: User, link: Link, make_quest: MakeQuest, house: House
) -> None:
    quest = make_quest(VISIT)
    house.address(charlie, quest)
    house.opened(house.address(bob, quest), link, browser="c" * 22)

    assert not Completion.objects.exists()
    assert not step_of(charlie, quest).evidence
    assert not step_of(charlie, quest).disregarded


def test_an_address_of_another_link_or_a_forged_one_is_nothing(
    bob: User, alice: User, link: Link, make_quest: MakeQuest, house: House
) -> None:
    quest = make_quest(VISIT)
    other = create_link(owner=alice, slug="other", url="https://example.com/")
    address = house.address(bob, quest)

    house.opened(address, other)
    house.opened(address[:-2] + ("AA" if address[-2:] != "AA" else "BB"), link)

    assert not Evidence.objects.exists()
    assert not Completion.objects.exists()


def test_a_click_before_the_quest_was_started_is_not_hers(
    bob: User, link: Link, make_quest: MakeQuest, house: House
) -> None:
    quest = make_quest(VISIT)
    house.opened(house.address(bob, quest), link, at=timezone.now() - timedelta(minutes=1))
    assert not Completion.objects.exists()


def test_who_must_stay_away_for_a_while_is_not_paid_before(
    bob: User, link: Link, make_quest: MakeQuest, house: House
) -> None:
    quest = make_quest(VISIT | {"config": {"link": "handbook", "dwellSeconds": 30}})
    address = house.address(bob, quest)
    with pytest.raises(Problem, match="have not opened"):
        submit_step(player=bob, number=quest.number, key="visit", answer="back")
    house.opened(address, link)
    with pytest.raises(Problem, match="Come back in"):
        submit_step(player=bob, number=quest.number, key="visit", answer="back")
    assert not Completion.objects.exists()


def test_clicks_of_people_at_no_quest_cost_one_query(
    bob: User,
    link: Link,
    make_quest: MakeQuest,
    house: House,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    quest = make_quest(VISIT)
    house.opened(house.address(bob, quest), link)
    ids = [row.source_id for row in Evidence.objects.all()]

    with django_assert_num_queries(1):
        assert verifying.verify("visit_link", ids) == 0


def test_a_quest_that_changes_between_judging_and_paying_is_judged_again(
    bob: User,
    operator: User,
    link: Link,
    make_quest: MakeQuest,
    house: House,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It asks for a code from now on: a click alone is not enough any more."""
    quest = make_quest(VISIT)
    address = house.address(bob, quest)
    judge = judging.judge

    def change_after(*args: Any, **kwargs: Any) -> Any:
        found = judge(*args, **kwargs)
        monkeypatch.setattr(judging, "judge", judge)
        changed = document_of(quest) | {"steps": [VISIT, CODE]}
        update_quest(quest=quest, document=changed, actor=operator)
        return found

    monkeypatch.setattr(judging, "judge", change_after)
    house.opened(address, link)

    assert not Completion.objects.exists()
    assert Evidence.objects.count() == 1


def test_the_same_slug_on_another_domain_concerns_nobody(
    alice: User, bob: User, link: Link, make_quest: MakeQuest, house: House
) -> None:
    quest = make_quest(VISIT)
    address = house.address(bob, quest)
    Link.objects.filter(pk=link.pk).update(domain="go.example")
    create_link(owner=alice, slug="handbook", url="https://example.com/")
    house.opened(address, link)
    (click,) = MarkedClick.objects.all()

    assert click.outcome == VisitOutcome.COUNTED
    assert verifying.observed("visit_link").concerned([click.event_id]) == []


def test_one_player_whose_quest_cannot_be_settled_is_nothing_to_the_others(
    bob: User,
    charlie: User,
    link: Link,
    make_quest: MakeQuest,
    house: House,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quest = make_quest(VISIT)
    addresses = [house.address(player, quest) for player in (bob, charlie)]
    settle = verifying.settle

    def stumble(*, player: User, **about: Any) -> bool:
        if player == bob:
            raise KeyError("odd")
        return settle(player=player, **about)

    monkeypatch.setattr(verifying, "settle", stumble)
    for address in addresses:
        house.opened(address, link)
    assert [row.player for row in Completion.objects.all()] == [charlie]
    monkeypatch.undo()
