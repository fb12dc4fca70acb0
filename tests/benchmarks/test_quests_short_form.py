"""The benchmarks of quests still run: their short form, on servers of its own."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks.service import find_pgbench
from tests.benchmarks.test_short_form import run_short

pytestmark = pytest.mark.timeout(400)
with_load = pytest.mark.skipif(
    not (shutil.which("wrk") or shutil.which("node")), reason="nothing here can make a load"
)


def sides(found: dict[str, Any]) -> set[str]:
    assert all(side["median"] > 0 for side in found["sides"])
    return {side["name"] for side in found["sides"]}


@with_load
def test_every_completion_that_was_answered_is_stored(tmp_path: Path) -> None:
    found = run_short("completions", tmp_path)

    assert {"Rallypoint", "Rallypoint, rates counted"} <= sides(found)
    assert "10 answered one by one, 10 stored; E3 and E4 hold" in found["notes"]


def test_the_service_is_compared_with_pgbench_where_there_is_one(tmp_path: Path) -> None:
    found = run_short("service", tmp_path)

    assert "complete_quest" in sides(found)
    assert bool(found["targets"]) == bool(find_pgbench())


def test_a_quota_lets_exactly_its_number_win(tmp_path: Path) -> None:
    found = run_short("quota", tmp_path)

    assert sides(found) == {"with a quota", "without one"}
    assert any("exactly 4 paid" in note for note in found["notes"])


def test_the_leaderboard_is_asked_at_rest_and_with_changes_in_flight(tmp_path: Path) -> None:
    found = run_short("leaderboard", tmp_path)

    assert {"top 50", "rank of anybody, 200 notes", "page 10,000 through HTTP"} <= sides(found)


@with_load
def test_interactions_are_counted(tmp_path: Path) -> None:
    assert "interaction" in sides(run_short("interaction", tmp_path))
