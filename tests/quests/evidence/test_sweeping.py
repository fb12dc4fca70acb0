"""What no news came of is found all the same: in order, in slices, and again and again."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from links.models import Link
from monitoring.health.report import Status
from quests.evidence import sweeping
from quests.health import check_evidence
from quests.models import Attempt, Completion, Quest, Sweep
from quests.progress import start_quest
from quests.selectors import total_xp
from realtime.models import Room
from realtime.models.stay import Stay
from tests.quests.conftest import MakeQuest
from tests.quests.evidence.conftest import VISIT, House

pytestmark = pytest.mark.django_db

STAY = {
    "id": "stay",
    "kind": "room_presence",
    "title": "Stay a while",
    "config": {"room": "lobby", "minutes": 3, "withinMinutes": 10},
}


@pytest.fixture
def _no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quests.evidence.pushing._push", lambda *_: None)


def started_hours_ago(player: User, quest: Quest) -> None:
    start_quest(player=player, number=quest.number)
    Attempt.objects.update(started_at=timezone.now() - timedelta(hours=5))


@pytest.mark.usefixtures("_no_news")
def test_a_click_is_found(bob: User, link: Link, make_quest: MakeQuest, house: House) -> None:
    quest = make_quest(VISIT)
    house.opened(house.address(bob, quest), link)
    assert not Completion.objects.exists()

    assert sweeping.sweep() == 1
    assert sweeping.sweep() == 0
    assert total_xp(bob) == 10


@pytest.mark.usefixtures("_no_news")
def test_a_stay_is_found_that_was_written_long_after_it_was(
    bob: User, bob_in_lobby: Room, make_quest: MakeQuest, house: House
) -> None:
    """PostgreSQL was away in between."""
    started_hours_ago(bob, make_quest(STAY))
    sweeping.sweep()
    house.stayed(bob, bob_in_lobby, seconds=200, until=timezone.now() - timedelta(hours=3))

    assert sweeping.sweep() == 1


@pytest.mark.usefixtures("_no_news")
def test_long_arrears_are_done_in_slices_and_each_sweep_does_one_at_least(
    bob: User,
    bob_in_lobby: Room,
    make_quest: MakeQuest,
    house: House,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started_hours_ago(bob, make_quest(STAY))
    now = timezone.now()
    house.stayed(bob, bob_in_lobby, seconds=200, until=now - timedelta(minutes=15))
    Stay.objects.update(written_at=now - timedelta(minutes=15))
    Sweep.objects.create(kind="room_presence", swept_until=now - timedelta(minutes=30))

    monkeypatch.setattr(sweeping, "SWEEP_SECONDS", -1.0)
    assert sweeping.sweep() == 0
    until = Sweep.objects.get(kind="room_presence").swept_until
    assert now - timedelta(minutes=30) < until < now - timedelta(minutes=15)
    assert [sweeping.sweep(), sweeping.sweep()] == [1, 0]

    monkeypatch.setattr(sweeping, "SWEEP_SECONDS", 60.0)
    sweeping.sweep()
    assert Sweep.objects.get(kind="room_presence").swept_until >= now


def test_a_sweep_that_does_not_come_is_a_matter_of_health(
    link: Link, make_quest: MakeQuest
) -> None:
    make_quest(VISIT)
    sweeping.sweep()
    assert check_evidence().status is Status.HEALTHY
    Sweep.objects.update(swept_until=timezone.now() - timedelta(seconds=61))
    assert check_evidence().status is Status.DEGRADED


def test_a_sweep_that_never_came_is_too_once_somebody_waits_for_it(
    link: Link, make_quest: MakeQuest
) -> None:
    make_quest(VISIT)
    assert check_evidence().status is Status.HEALTHY
    Quest.objects.update(created_at=timezone.now() - timedelta(seconds=61))
    assert check_evidence().status is Status.DEGRADED
