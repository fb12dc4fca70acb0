"""The benchmarks still run, and prove what they count."""

from typing import Any

import pytest

from benchmarks.service import find_pgbench
from tests.benchmarks.conftest import CAN_LOAD

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("benchmarks")]
with_load = pytest.mark.skipif(not CAN_LOAD, reason="nothing here can make a load")
Found = dict[str, dict[str, Any]]


def sides(found: dict[str, Any]) -> set[str]:
    assert all(side["median"] > 0 for side in found["sides"])
    return {side["name"] for side in found["sides"]}


def test_drain_compares_few_stored_clicks_with_many(short_form: Found) -> None:
    assert sides(short_form["drain"]) == {"1,000 stored", "5,000 stored"}


def test_drains_side_by_side_are_compared_with_one(short_form: Found) -> None:
    drained = {f"drained by {number}" for number in (1, 2, 4)}
    wanted = {f"{where} links, {by}" for where in ("few", "200") for by in drained}
    assert sides(short_form["drains"]) == wanted


def test_a_backup_is_tried(short_form: Found) -> None:
    found = short_form["recovery"]

    assert sides(found) == {"manage.py backup", "manage.py restore --drill"}
    assert [target["reached"] for target in found["targets"]] == [True]


@with_load
def test_redirects_are_compared_and_every_one_is_a_stored_click(short_form: Found) -> None:
    found = short_form["redirect"]

    assert {"Rallypoint", "bare ASGI"} <= sides(found)
    assert "100 redirects one by one, 100 clicks stored; E1 and E2 hold" in found["notes"]


@with_load
def test_two_hosts_are_compared_with_one_where_there_can_be_two(short_form: Found) -> None:
    found = short_form["scale"]

    assert sides(found) == {"one web host", "two web hosts"} or "not measured" in found["notes"][0]


@with_load
def test_every_completion_that_was_answered_is_stored(short_form: Found) -> None:
    found = short_form["completions"]

    assert {"Rallypoint", "Rallypoint, rates counted"} <= sides(found)
    assert "10 answered one by one, 10 stored; E3 and E4 hold" in found["notes"]


def test_the_service_is_compared_with_pgbench_where_there_is_one(short_form: Found) -> None:
    found = short_form["service"]

    assert "complete_quest" in sides(found)
    assert bool(found["targets"]) == bool(find_pgbench())


def test_a_quota_lets_exactly_its_number_win(short_form: Found) -> None:
    found = short_form["quota"]

    assert sides(found) == {"with a quota", "without one"}
    assert any("exactly 4 paid" in note for note in found["notes"])


def test_the_leaderboard_is_asked_at_rest_and_with_changes_in_flight(short_form: Found) -> None:
    asked = {"top 50", "rank of anybody, 200 notes", "page 10,000 through HTTP"}

    assert asked <= sides(short_form["leaderboard"])


def test_every_page_is_judged_beside_one_that_asks_nothing(short_form: Found) -> None:
    found = short_form["pages"]

    assert {"board", "player's why", "dashboard", "a page without a query"} <= sides(found)
    assert len(found["targets"]) == len(found["sides"]) - 1


@with_load
def test_interactions_are_counted(short_form: Found) -> None:
    assert "interaction" in sides(short_form["interaction"])


@with_load
def test_kept_answers_are_compared_with_those_made_anew(short_form: Found) -> None:
    found = short_form["cached"]

    assert {"kept", "made anew"} <= sides(found)
    assert found["targets"]


@with_load
def test_a_view_is_compared_with_itself_without_our_layers(short_form: Found) -> None:
    found = short_form["layers"]

    assert {"the whole stack", "the view without it"} <= sides(found)
    assert found["targets"]


def test_a_room_is_told_by_each_server_and_everybody_hears_it_once(short_form: Found) -> None:
    found = short_form["fanout"]

    assert {"Rallypoint", "stock Channels", "megaphone"} <= sides(found)
    assert "every frame was heard exactly once by everybody" in found["notes"]


def test_messages_that_were_acknowledged_are_stored_and_numbered(short_form: Found) -> None:
    found = short_form["messages"]

    assert "Rallypoint" in sides(found)
    assert any(note.startswith("Rallypoint: ") for note in found["notes"])


def test_connections_that_a_worker_sends_away_come_back_and_lack_nothing(
    short_form: Found,
) -> None:
    found = short_form["connections"]

    assert found["sides"] or found["notes"][0].startswith("not measured")
    assert not found["sides"] or any("saw every number once" in note for note in found["notes"])


def test_a_crowd_asks_for_more_than_there_is_and_everything_is_counted(short_form: Found) -> None:
    found = short_form["overload"]

    assert "answered at most" in {side["name"] for side in found["sides"]}
    assert any(note.startswith("refused: ") for note in found["notes"])
