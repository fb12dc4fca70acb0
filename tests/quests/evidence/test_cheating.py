"""What a player might try, and what it comes to; the rest is in test_visits and test_rooms."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from links.clicks.drain import drain_once
from links.models import Link, MarkedClick
from links.redirect.click import new_event_id
from monitoring.redis import durable
from quests.authoring.services import close_season
from quests.models import Completion, LedgerEntry, Season, Standing
from tests.links.conftest import event, send
from tests.quests.conftest import MakeQuest
from tests.quests.evidence.conftest import VISIT, House
from tests.quests.test_api import Api

pytestmark = pytest.mark.django_db


def test_a_click_that_is_put_into_the_stream_without_our_signature_is_forged(
    bob: User, link: Link, make_quest: MakeQuest, house: House
) -> None:
    quest = make_quest(VISIT)
    house.address(bob, quest)
    for mark in (str(bob.public_id), f"{bob.public_id}.".ljust(80, "A"), "A" * 130):
        send(event(link, mark=mark))
    house.after(lambda: drain_once(durable()))

    assert {row.outcome for row in MarkedClick.objects.all()} == {"forged"}
    assert not Completion.objects.exists()


def test_a_moment_of_ones_own_choice_is_no_help(
    bob: User, link: Link, make_quest: MakeQuest, house: House
) -> None:
    """The moment of a click is that of the redirect; one from before the start, or from after the
    address has ended, is seen and does not count."""
    quest = make_quest(VISIT)
    address = house.address(bob, quest)
    for moment in (timezone.now() - timedelta(hours=1), timezone.now() + timedelta(days=1)):
        house.opened(address, link, at=moment)
    assert not Completion.objects.exists()


def test_nobody_asserts_evidence_of_herself(bob: User, make_quest: MakeQuest, api: Api) -> None:
    quest = make_quest(VISIT | {"kind": "evidence", "config": {}})
    answer = api(bob).post(
        "/api/evidence",
        {
            "questNumber": quest.number,
            "requirement": "visit",
            "walletAddress": "0x" + "1" * 40,
            "sourceId": new_event_id().hex(),
            "occurredAt": "2031-05-01T00:00:00Z",
        },
    )
    assert answer.status_code == 403


def test_a_click_that_comes_when_the_season_is_closed_counts_for_all_time_alone(
    bob: User, operator: User, link: Link, make_quest: MakeQuest, house: House
) -> None:
    season = Season.objects.create(slug="spring", name="Spring")
    quest = make_quest(VISIT, season="spring")
    address = house.address(bob, quest)
    close_season(season=season, actor=operator)

    house.opened(address, link)

    assert LedgerEntry.objects.get().season is None
    assert list(Standing.objects.values_list("board", "xp")) == [(0, 10)]
