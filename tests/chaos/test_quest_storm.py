"""Whatever players and operators do at once: no caller sees an error, and every sum is right."""

import os
import random
import time
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from prometheus_client import REGISTRY

from accounts.models import User
from monitoring.postgresql.retries import retried, retried_statement
from monitoring.wire.problems import Problem
from quests import achievements
from quests.completions.completing import complete_quest
from quests.completions.correcting import reverse_entry
from quests.models import LedgerEntry, Standing
from quests.reconciliation import reconcile
from tests.chaos.storm import EXPECTED, Storm, make_world
from tests.quests.conftest import MakeQuest, assert_reconciled
from tests.stack import wait_until
from tests.together import together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(1800)]

# SEED=7 repeats a storm, as far as threads repeat anything.
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))


def retries() -> int:
    name = "rallypoint_transaction_retries_total"
    return int(REGISTRY.get_sample_value(name, {"sqlstate": "40P01"}) or 0)


def deadlocks() -> int:
    """As PostgreSQL counts them: a backend reports when it ends, so all others must be gone."""
    alone = "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database()"
    wait_until(lambda: _one(alone))
    return int(_one("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))


def _one(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def test_a_storm_of_everything_leaves_no_error_and_no_difference(
    operator: User, make_quest: MakeQuest, long_form: bool
) -> None:
    operations, players = (20_000, 200) if long_form else (600, 40)
    storm = Storm(make_world(make_quest, operator, players=players), SEED)
    before, started = (deadlocks(), retries()), time.monotonic()

    storm.rage(operations, workers=24)

    seconds = time.monotonic() - started
    found, retried_ = deadlocks() - before[0], retries() - before[1]
    report = reconcile()
    print(  # noqa: T201 - the figures of the long form
        f"seed {SEED}: {operations} operations in {seconds:.0f} s, {found} deadlocks, {retried_}"
        f" retries, {len(storm.errors)} errors, {len(report.differences)} differences,"
        f" {storm.folded} notes folded, {storm.rebuilt} rebuilds\n{storm.outcomes}\n{report}"
    )
    assert not storm.errors, (SEED, storm.errors)
    assert {answer for _, answer in storm.outcomes} <= EXPECTED | {"done"}, storm.outcomes
    assert report.is_clean, (SEED, report.differences)
    assert found <= retried_
    assert achievements.recompute() == (0, 0), SEED


def test_operators_who_reverse_in_opposite_orders_give_way_once(
    alice: User, bob: User, operator: User, make_quest: MakeQuest
) -> None:
    """What one holds for the other is of her whole page, so her whole page is given up and done
    again: trying the second half alone again would meet the same deadlock, until all tries are
    used up."""
    number, met, before = make_quest().number, Barrier(2), (deadlocks(), retries())
    for player in (alice, bob):
        complete_quest(player=player, number=number)
    entries = list(LedgerEntry.objects.order_by("pk"))

    def work(place: int) -> list[str]:
        tries = iter(range(100))

        @retried
        def page() -> list[str]:
            is_first, told = next(tries) == 0, []
            for entry in entries if place else entries[::-1]:
                told.append(_reverse(entry, operator))
                if is_first and len(told) == 1:
                    met.wait(timeout=30)
            return told

        return page()

    with together(2) as run:
        told = run(work)

    assert sorted(told) == [["already_reversed"] * 2, ["done"] * 2]
    # Nearly always one. Whoever gave way may begin anew before the other has woken up.
    given_way = retries() - before[1]
    assert 1 <= given_way <= 3
    assert deadlocks() - before[0] == given_way
    assert set(Standing.objects.values_list("xp", "completions")) == {(0, 0)}
    assert_reconciled()


def test_a_statement_on_its_own_gives_way_and_is_tried_again(operator: User) -> None:
    before = deadlocks(), retries()

    @retried_statement
    def lock(first: int, second: int) -> bool:
        """Long enough in its middle for the other one to have begun."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(%s), pg_sleep(0.5), pg_advisory_xact_lock(%s)",
                [first, second],
            )
            return cursor.fetchone() is not None

    with together(2) as run:
        assert run(lambda place: lock(1 + place, 2 - place)) == [True, True]

    # Nearly always one. Whoever gave way may begin anew before the other has woken up.
    given_way = retries() - before[1]
    assert 1 <= given_way <= 3
    assert deadlocks() - before[0] == given_way


def _reverse(entry: LedgerEntry, operator: User) -> str:
    try:
        reverse_entry(entry=entry, reason="A bot.", actor=operator)
    except Problem as problem:
        return problem.code
    return "done"
