"""A quest for the first N pays N, whoever claims, gives up or dies in the middle."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection, transaction

from accounts.models import User
from monitoring.wire.problems import Problem
from quests.completions.completing import Result, complete_quest
from quests.completions.correcting import reverse_entry
from quests.models import Completion, LedgerEntry, Quest, QuotaSlot, Standing
from quests.progress import submit_step
from tests.quests.conftest import QUIZ, QUIZ_RIGHT, MakeQuest, assert_reconciled
from tests.stack import wait_until
from tests.together import together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]

CLAIMER = Path(__file__).with_name("claimer.py")


def make_players(count: int, name: str = "player") -> list[User]:
    return User.objects.bulk_create(User(username=f"{name}{n}") for n in range(count))


def winners(outcomes: list[Any]) -> int:
    """How many won; nobody was told anything but that the places are taken."""
    lost = [outcome for outcome in outcomes if not isinstance(outcome, Result)]
    assert {getattr(problem, "code", problem) for problem in lost} <= {"quota_exhausted"}
    return len(outcomes) - len(lost)


def claim_together(players: list[User], quest: Quest) -> int:
    with together(len(players)) as run:
        return winners(
            run(lambda place: complete_quest(player=players[place], number=quest.number))
        )


def assert_taken(quest: Quest, places: int) -> None:
    """So many places are taken, each by one who was paid; the losers left nothing behind."""
    paid = Completion.objects.filter(quest=quest, status="paid")
    assert paid.count() == places
    assert QuotaSlot.objects.filter(quest=quest, completion__in=paid).count() == places
    assert LedgerEntry.objects.filter(completion__in=paid).count() == places
    assert not Completion.objects.filter(quest=quest, status="paid", slot=None).exists()
    assert_reconciled()


def waiting_for_locks() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])


@contextmanager
def claimer(player: User, quest: Quest) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a place in an open transaction."""
    name = connection.settings_dict["NAME"]
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    with subprocess.Popen(
        [sys.executable, str(CLAIMER), str(player.pk), str(quest.number)],
        env=os.environ | {"DATABASE_URL": url},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "claimed\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("places", "claimers"),
    [
        pytest.param(10, 10, id="as-many-as-there-are-places"),
        pytest.param(10, 11, id="one-too-many"),
        pytest.param(10, 40, id="a-crowd"),
        pytest.param(1, 30, id="all-for-one"),
    ],
)
def test_of_all_who_claim_at_once_as_many_win_as_there_are_places(
    make_quest: MakeQuest, places: int, claimers: int, long_form: bool
) -> None:
    players = make_players(claimers)

    for _ in range(25 if long_form else 2):
        quest = make_quest(quota=places)
        assert claim_together(players, quest) == places
        assert_taken(quest, places)


def test_a_crowd_with_evidence_spends_it_only_where_it_wins(
    make_quest: MakeQuest, long_form: bool
) -> None:
    players = make_players(24)

    for _ in range(10 if long_form else 1):
        quest = make_quest(QUIZ, quota=8)
        for player in players:
            submit_step(player=player, number=quest.number, key="quiz", answer=QUIZ_RIGHT)
        assert claim_together(players, quest) == 8
        assert_taken(quest, 8)
        assert quest.evidence.filter(completion=None).count() == 16


def test_a_claim_rolled_back_gives_its_place_to_one_who_waits(make_quest: MakeQuest) -> None:
    quest, players = make_quest(quota=1), make_players(6)
    claimed, others_wait = Event(), Event()

    def work(place: int) -> Any:
        if place == 0:
            with transaction.atomic():
                complete_quest(player=players[0], number=quest.number)
                claimed.set()
                assert others_wait.wait(timeout=30)
                transaction.set_rollback(True)
            return Problem("quota_exhausted", "Gave up.", status=409)
        assert claimed.wait(timeout=30)
        if place == 6:
            wait_until(lambda: waiting_for_locks() == 5)
            others_wait.set()
            return Problem("quota_exhausted", "Only watches.", status=409)
        return complete_quest(player=players[place], number=quest.number)

    with together(7) as run:
        assert winners(run(work)) == 1

    assert not Standing.objects.filter(player=players[0]).exists()
    assert_taken(quest, 1)


def test_places_given_back_while_others_claim_are_taken_once(
    operator: User, make_quest: MakeQuest, long_form: bool
) -> None:
    for round_ in range(15 if long_form else 2):
        quest = make_quest(quota=8)
        assert claim_together(make_players(8, f"first{round_}-"), quest) == 8
        won = give_back_and_claim(quest, make_players(16, f"other{round_}-"), operator)
        assert_taken(quest, won)
        assert claim_together(make_players(12, f"late{round_}-"), quest) == 8 - won
        assert_taken(quest, 8)


def give_back_and_claim(quest: Quest, players: list[User], operator: User) -> int:
    """How many of `players` won while every place was given back."""
    entries = list(LedgerEntry.objects.filter(completion__quest=quest))

    def work(place: int) -> Any:
        if place < len(players):
            return complete_quest(player=players[place], number=quest.number)
        entry = entries[place - len(players)]
        return reverse_entry(entry=entry, reason="A bot.", actor=operator)

    with together(len(players) + len(entries)) as run:
        outcomes = run(work)
    assert all(isinstance(made, LedgerEntry) for made in outcomes[len(players) :]), outcomes
    return winners(outcomes[: len(players)])


def test_a_claimer_killed_in_the_middle_gives_its_place_to_somebody_else(
    make_quest: MakeQuest, long_form: bool
) -> None:
    for round_ in range(10 if long_form else 1):
        quest = make_quest(quota=3)
        dead, living, *players = make_players(8, f"player{round_}-")
        with claimer(dead, quest) as killed, claimer(living, quest) as other:
            assert claim_while_one_dies(quest, players, killed, other) == 2
            assert other.returncode == 0

        assert not Completion.objects.filter(player=dead).exists()
        assert Completion.objects.filter(player=living, status="paid").exists()
        assert_taken(quest, 3)


def claim_while_one_dies(
    quest: Quest,
    players: list[User],
    killed: subprocess.Popen[str],
    other: subprocess.Popen[str],
) -> int:
    """How many of `players` won, of whom all but the first to come wait for the two processes."""

    def work(place: int) -> Any:
        if place < len(players):
            return complete_quest(player=players[place], number=quest.number)
        wait_until(lambda: waiting_for_locks() == len(players) - 1)
        killed.kill()
        return other.communicate(timeout=30)

    with together(len(players) + 1) as run:
        return winners(run(work)[:-1])
