"""How figures are judged and shown."""

import json
from pathlib import Path

from benchmarks.results import Result, Side, Target, page, read_json, show, write_json


def test_a_side_is_its_median_round() -> None:
    assert Side("ours", "req/s", [9.0, 1.0, 5.0]).median == 5.0


def test_a_target_is_reached_at_its_bound() -> None:
    assert Target("ratio", 2.5, 2.5).verdict == "PASS"
    assert Target("ratio", 2.49, 2.5).verdict == "MISS"
    assert Target("p99", 0.5, 0.5, at_least=False).verdict == "PASS"
    assert Target("p99", 0.51, 0.5, at_least=False).verdict == "MISS"


def test_both_sides_are_shown_and_the_verdict_only_where_it_is_judged() -> None:
    sides = [Side("ours", "req/s", [12_000.0]), Side("theirs", "req/s", [4_000.0])]
    result = Result("redirect", "one link", sides, [Target("ours / theirs", 3.0, 2.5)])

    shown = show(result)
    assert "12,000 req/s" in shown
    assert "4,000 req/s" in shown
    assert "PASS  ours / theirs" in shown
    assert "PASS" not in show(result, judged=False)


def test_one_page_has_every_target_and_how_many_are_reached() -> None:
    found = [
        Result("redirect", "", [], [Target("ours / theirs", 3.0, 2.5)]),
        Result("stats", "", [], [Target("median", 60.0, 50.0, "ms", at_least=False)]),
    ]
    shown = page(found)
    assert "PASS  redirect    ours / theirs" in shown
    assert "MISS  stats       median" in shown
    assert shown.endswith("1 of 2 reached.")


def test_the_json_has_rounds_medians_and_verdicts(tmp_path: Path) -> None:
    side = Side("ours", "ms", [3.0, 1.0, 2.0])
    target = Target("median", 2.0, 50.0, "ms", at_least=False)
    write_json(tmp_path / "found.json", {"python": "3.11"}, [Result("stats", "", [side], [target])])

    found = json.loads((tmp_path / "found.json").read_text())
    assert found["machine"] == {"python": "3.11"}
    shown = found["results"][0]["sides"][0]
    assert (shown["rounds"], shown["median"]) == ([3.0, 1.0, 2.0], 2.0)
    assert found["results"][0]["targets"][0]["reached"] is True


def test_what_was_written_is_read_as_it_was(tmp_path: Path) -> None:
    target = Target("median", 2.0, 50.0, "ms", at_least=False)
    found = [Result("stats", "a link", [Side("ours", "ms", [2.0], "noted")], [target], ["proved"])]
    write_json(tmp_path / "found.json", {}, found)

    assert read_json(tmp_path / "found.json") == found
