"""A change of a quest, tried on what is on record before anybody is touched by it."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.test import APIClient

from accounts.models import User
from monitoring.wire.fields import instant
from monitoring.wire.problems import Problem
from quests.authoring import rounds
from quests.authoring.document import document_of
from quests.authoring.dry_run import Difference, DryRun, read_change, replay
from quests.authoring.services import update_quest
from quests.authoring.transfer import export_quests
from quests.completions.completing import complete_quest
from quests.completions.correcting import award, reverse_entry
from quests.models import Attempt, Completion, Evidence, Quest
from quests.progress import start_quest, submit_step
from tests.quests.conftest import CODE, PROOF, TRUSTED, Allow, MakeQuest

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]
STREAK = {"id": "days", "kind": "streak", "title": "Come", "config": {"days": 3, "graceDays": 0}}
OTHER = {**CODE, "id": "other", "config": {"codes": ["Xyzzy"]}}


def names(rows: list[Difference]) -> dict[str, list[str]]:
    return {row.player: row.reasons for row in rows}


def counts(found: DryRun) -> tuple[int, int, int, int]:
    return found.gains, found.losses, found.unchanged_passed, found.unchanged_open


def answer(player: User, quest: Quest, *keys: str) -> None:
    start_quest(player=player, number=quest.number)
    for key in keys:
        sent = {"code": "open sesame", "other": "xyzzy"}[key]
        submit_step(player=player, number=quest.number, key=key, answer=sent)


def done(player: User, quest: Quest, *keys: str) -> Completion:
    if keys:
        answer(player, quest, *keys)
    return Completion.objects.get(
        pk=complete_quest(player=player, number=quest.number).completion_id
    )


def test_without_a_change_nobody_gains_or_loses(
    make_quest: MakeQuest, alice: User, bob: User, charlie: User
) -> None:
    quest = make_quest(CODE)
    done(alice, quest, "code")
    answer(bob, quest, "code")
    answer(charlie, quest)
    found = replay(quest, document_of(quest))
    assert counts(found) == (0, 0, 2, 1)
    assert (found.players, found.rounds, found.xp_before, found.xp_change) == (3, 3, 20, 0)
    assert [(step.id, step.before, step.after) for step in found.steps] == [("code", 2, 2)]


def test_a_step_less_is_a_gain_and_a_step_more_a_loss(
    make_quest: MakeQuest, alice: User, bob: User, charlie: User
) -> None:
    quest = make_quest(CODE, OTHER)
    done(alice, quest, "code", "other")
    answer(bob, quest, "code")
    answer(charlie, quest)
    found = replay(quest, {"steps": [CODE]})
    assert counts(found) == (1, 0, 1, 1)
    assert names(found.gaining) == {"bob": ["requirements_missing"]}
    assert [(step.id, step.before, step.after) for step in found.steps] == [
        ("code", 2, 2), ("other", 1, None),
    ]  # fmt: skip

    found = replay(quest, {"steps": [CODE, OTHER, TRUSTED]})
    assert counts(found) == (0, 1, 0, 2)
    assert found.losing == [
        Difference("alice", "", is_completed=True, reasons=["requirements_missing"])
    ]
    assert found.xp_change == -10
    assert (found.steps[2].before, found.steps[2].after) == (None, 0)


def test_a_step_of_another_kind_under_the_same_id_counts_nothing_old(
    make_quest: MakeQuest, alice: User, bob: User
) -> None:
    quest = make_quest(CODE)
    done(alice, quest, "code")
    answer(bob, quest, "code")
    found = replay(quest, {"steps": [TRUSTED | {"id": "code"}]})
    assert counts(found) == (0, 2, 0, 0)
    assert [(step.before, step.after) for step in found.steps] == [(2, 0)]
    assert {row.player: row.is_completed for row in found.losing} == {"alice": True, "bob": False}


def test_a_shorter_streak_is_judged_by_its_own_kind(
    make_quest: MakeQuest, alice: User, bob: User
) -> None:
    quest = make_quest(STREAK)
    for player, days in ((alice, (1, 2)), (bob, (1, 3))):
        start_quest(player=player, number=quest.number)
        for day in days:
            at = timezone.now() - timedelta(days=day)
            Evidence.objects.create(
                player=player, quest=quest, step="days", kind="streak", source_id=str(day),
                state="verified", occurred_at=at, payload={"day": str(at.date())},
            )  # fmt: skip
    found = replay(quest, {"steps": [STREAK | {"config": {"days": 2, "graceDays": 0}}]})
    assert names(found.gaining) == {"alice": ["requirements_missing"]}
    assert counts(found) == (1, 0, 0, 1)


def test_what_was_not_verified_or_paid_something_else_speaks_for_nobody(
    make_quest: MakeQuest, operator: User, alice: User, bob: User
) -> None:
    quest = make_quest(PROOF)
    submit_step(player=alice, number=quest.number, key="proof", answer={"text": "Me"})
    found = replay(quest, {})
    assert counts(found) == (0, 0, 0, 1)
    Evidence.objects.update(state="verified")
    assert replay(quest, {}).unchanged_passed == 1
    completion = done(alice, quest)
    reverse_entry(entry=completion.entries.get(), reason="A bot.", actor=operator)
    found = replay(quest, {"steps": []})
    assert (found.rounds, found.players) == (0, 1)  # what was reversed is not done again


def test_prerequisites_are_asked_of_what_a_player_has_today(
    make_quest: MakeQuest, operator: User, alice: User, bob: User, charlie: User
) -> None:
    first, quest = make_quest(), make_quest(xpReward=5)
    done(alice, first)
    for player in (alice, bob):
        done(player, quest)
    start_quest(player=charlie, number=quest.number)
    award(player=charlie, amount=50, reason="Helped.", actor=operator)
    found = replay(quest, {"prerequisites": {"quest": first.number}})
    assert names(found.losing) == {
        "bob": ["prerequisites_missing"], "charlie": ["prerequisites_missing"],
    }  # fmt: skip
    found = replay(quest, {"prerequisites": {"any": [{"xp": 50}, {"quest": first.number}]}})
    assert names(found.losing) == {"bob": ["prerequisites_missing"]}


def test_a_window_is_asked_of_each_at_its_own_moment(
    make_quest: MakeQuest, alice: User, bob: User, charlie: User
) -> None:
    quest, now = make_quest(), timezone.now()
    early, _ = done(alice, quest), done(bob, quest)
    Completion.objects.filter(pk=early.pk).update(completed_at=now - timedelta(days=9))
    start_quest(player=charlie, number=quest.number)
    found = replay(quest, {"startsAt": instant(now - timedelta(days=1))})
    assert names(found.losing) == {"alice": ["quest_not_started"]}
    found = replay(quest, {"endsAt": instant(now - timedelta(days=1))})
    assert names(found.losing) == {"bob": ["quest_ended"], "charlie": ["quest_ended"]}
    found = replay(quest, {"status": "closed"})
    assert names(found.losing) == {"charlie": ["quest_closed"]}


def test_a_quota_keeps_the_first(
    make_quest: MakeQuest, alice: User, bob: User, charlie: User
) -> None:
    quest = make_quest()
    for player in (bob, alice):
        done(player, quest)
    start_quest(player=charlie, number=quest.number)
    found = replay(quest, {"quota": 1})
    assert names(found.losing) == {"alice": ["quota_exhausted"], "charlie": ["quota_exhausted"]}
    assert found.places_left == 0
    found = replay(quest, {"quota": 3})
    assert (counts(found), found.places_left) == ((0, 0, 3, 0), 1)


def test_another_reward_is_told_in_xp(make_quest: MakeQuest, alice: User, bob: User) -> None:
    quest = make_quest(CODE)
    done(alice, quest, "code")
    answer(bob, quest)
    found = replay(quest, {"xpReward": 25, "steps": []})
    assert (found.xp_before, found.xp_after, found.xp_change) == (10, 50, 40)


def test_of_a_repeating_quest_only_the_day_that_is_now_can_still_be_completed(
    make_quest: MakeQuest, alice: User
) -> None:
    quest = make_quest(CODE, recurrence="daily")
    answer(alice, quest)
    Attempt.objects.create(player=alice, quest=quest, period="2020-01-01")
    found = replay(quest, {"steps": []})
    assert counts(found) == (1, 0, 0, 1)
    assert found.gaining[0].period == f"{timezone.now():%F}"


def test_a_document_that_makes_no_sense_is_refused(make_quest: MakeQuest) -> None:
    quest = make_quest()
    for wrong in (
        {"nonsense": 1},
        {"xpReward": -1},
        {"steps": [{**CODE, "config": {}}]},
        {"steps": [{**PROOF, "config": {"forms": [[]]}}]},
        {"prerequisites": {"quest": 999}},
    ):
        with pytest.raises(ValidationError):
            replay(quest, wrong)
    with pytest.raises(Problem, match="keeps its number"):
        replay(quest, {"number": quest.number + 1})


def test_nothing_is_written_and_each_batch_costs_the_same(
    make_quest: MakeQuest, monkeypatch: pytest.MonkeyPatch
) -> None:
    quest = make_quest(CODE, TRUSTED)
    players = User.objects.bulk_create(User(username=f"p{number}") for number in range(1_000))
    Attempt.objects.bulk_create(Attempt(player=one, quest=quest) for one in players)
    Evidence.objects.bulk_create(
        Evidence(
            player=one, quest=quest, step="code", kind="secret_code", source_id="code",
            state="verified", occurred_at=timezone.now(),
        )
        for one in players[::2]
    )  # fmt: skip
    monkeypatch.setattr(rounds, "BATCH", 250)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        found = replay(quest, {"steps": [CODE]})
    assert counts(found) == (500, 0, 0, 500)
    assert len(found.gaining) == 200
    # Old steps twice and the season; of each batch who, names, attempts, completions, evidence.
    per_batch = 5
    assert len(asked) - 4 * per_batch <= 5, [query["sql"][:80] for query in asked]
    assert all(query["sql"].startswith(("SELECT", "(SELECT")) for query in asked)
    few = replay(quest, {"steps": [CODE]}, most=300)
    assert (few.is_complete, few.players, few.rounds) == (False, 300, 300)


# --- Doors ------------------------------------------------------------------------------------


def run(*arguments: Any) -> str:
    said = StringIO()
    call_command("dry_run_quest", *map(str, arguments), stdout=said, stderr=StringIO())
    return said.getvalue()


def test_at_a_shell(make_quest: MakeQuest, alice: User, tmp_path: Path) -> None:
    quest, file = make_quest(CODE), tmp_path / "changed.yaml"
    answer(alice, quest)
    file.write_text(export_quests([quest.number]).replace("xpReward: 10", "xpReward: 20"))
    assert "open as before              1" in run(quest.number, "--file", file)
    file.write_text("steps: []")
    said = run(quest.number, "--file", file)
    assert "+ alice  (open): requirements_missing" in said
    assert "step code" in said
    for wrong, told in (("steps: [", "no YAML"), ("nonsense: 1", "nonsense: There is no such"),
                        ("quests: []", "no quest")):  # fmt: skip
        file.write_text(wrong)
        with pytest.raises(CommandError, match=told):
            run(quest.number, "--file", file)
    with pytest.raises(CommandError, match="There is no quest 999"):
        run(999, "--file", file)


def test_among_many_quests_the_one_of_the_number_is_read() -> None:
    text = "quests:\n- {number: 3, title: a}\n- {number: 4, title: b}\n"
    assert read_change(text, 4)["title"] == "b"


def test_over_the_api_for_those_who_may_change_quests(
    make_quest: MakeQuest, api: Api, allowed: Allow, operator: User, alice: User
) -> None:
    quest = make_quest(CODE)
    answer(alice, quest)
    path = f"/api/quests/{quest.number}/dry-run"
    assert api(alice).post(path, {"steps": []}).status_code == 403
    assert api(operator).post(path, {"steps": []}).status_code == 403
    allowed("change_quest")
    staff = api(operator)
    found = staff.post(path, {"steps": []})
    assert found.status_code == 200, found.json()
    assert found.json()["gaining"] == [
        {
            "player": "alice", "period": "", "isCompleted": False,
            "reasons": ["requirements_missing"],
        }
    ]  # fmt: skip
    assert staff.post(path, {"xpReward": -1}).json()["errors"][0]["field"] == "xpReward"
    assert staff.post(path, []).status_code == 400
    assert staff.post("/api/quests/999/dry-run", {}).status_code == 404
    quest.refresh_from_db()
    assert (quest.version, quest.requirements.count()) == (1, 1)


def test_in_the_admin_from_the_quests_own_page(
    pages: Client, make_quest: MakeQuest, alice: User
) -> None:
    quest = make_quest(CODE)
    answer(alice, quest)
    page = f"/admin/quests/quest/{quest.pk}/try/"
    assert page in pages.get(f"/admin/quests/quest/{quest.pk}/change/").content.decode()
    assert "Open Sesame" in pages.get(page).content.decode()
    shown = pages.post(page, {"document": "steps: []"}).content.decode()
    assert "Would gain: what stands in the way now" in shown
    assert "alice" in shown
    assert "no YAML" in pages.post(page, {"document": "steps: ["}).content.decode()
    assert "There is no such field" in pages.post(page, {"document": "x: 1"}).content.decode()
    assert Quest.objects.get().version == 1


def test_who_may_only_look_at_quests_tries_nothing(allowed: Allow, make_quest: MakeQuest) -> None:
    page = f"/admin/quests/quest/{make_quest(CODE).pk}/try/"
    assert allowed("view_quest").get(page).status_code == 403


def test_what_it_says_is_what_happens(
    make_quest: MakeQuest, operator: User, alice: User, bob: User
) -> None:
    quest = make_quest(CODE, OTHER)
    answer(alice, quest, "code")
    answer(bob, quest)
    changed = document_of(quest) | {"steps": [CODE]}
    gaining = names(replay(quest, changed).gaining)
    Evidence.objects.filter(step="other").delete()
    update_quest(quest=quest, document=changed, actor=operator)
    complete_quest(player=alice, number=quest.number)
    with pytest.raises(Problem, match="Still missing"):
        complete_quest(player=bob, number=quest.number)
    assert set(gaining) == {"alice"}
