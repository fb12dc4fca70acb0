"""A correction is a new entry with an author and a reason, and everything follows it at once."""

from typing import Any

import pytest
from django.db import transaction

from accounts.models import User
from monitoring.wire.problems import Problem
from quests.authoring.services import close_season
from quests.completions.completing import complete_quest
from quests.completions.correcting import (
    award,
    hold_completion,
    release_completion,
    reverse_entry,
    reverse_held,
)
from quests.models import (
    Achievement,
    AuditEntry,
    Completion,
    EarnedAchievement,
    LedgerEntry,
    OutboxEvent,
    Quest,
    QuotaSlot,
    Season,
    SeasonRank,
    Standing,
)
from tests.quests.conftest import MakeQuest, assert_reconciled
from tests.together import together

pytestmark = pytest.mark.django_db

WHY = "It was a bot."


def completed(player: User, quest: Quest) -> Completion:
    return Completion.objects.get(
        pk=complete_quest(player=player, number=quest.number).completion_id
    )


def entry_of(completion: Completion) -> LedgerEntry:
    return completion.entries.get(kind="completion")


def boards(player: User) -> dict[int, tuple[int, int]]:
    rows = Standing.objects.filter(player=player)
    return {row.board: (row.xp, row.completions) for row in rows}


def badges(player: User) -> set[str]:
    earned = EarnedAchievement.objects.filter(player=player)
    return set(earned.values_list("achievement__slug", flat=True))


def refused(code: str, work: Any, **arguments: Any) -> Problem:
    with pytest.raises(Problem) as problem, transaction.atomic():
        work(**arguments)
    assert problem.value.code == code
    return problem.value


def test_a_reversal_takes_xp_and_place_back_and_leaves_the_old_entry(
    alice: User, operator: User, make_quest: MakeQuest
) -> None:
    completion = completed(alice, make_quest(quota=1))
    first = entry_of(completion)

    made = reverse_entry(entry=first, reason=f" {WHY} ", actor=operator)

    completion.refresh_from_db()
    assert (completion.status, completion.reason) == ("reversed", WHY)
    assert (made.kind, made.amount, made.completions) == ("reversal", -10, -1)
    assert (made.reverses, made.actor, made.reason) == (first, operator, WHY)
    assert boards(alice) == {0: (0, 0)}
    assert QuotaSlot.objects.get().completion is None
    assert LedgerEntry.objects.get(pk=first.pk).amount == 10


def test_a_place_given_back_is_the_next_ones(
    alice: User, bob: User, operator: User, make_quest: MakeQuest
) -> None:
    quest = make_quest(quota=1)
    completion = completed(alice, quest)
    refused("quota_exhausted", complete_quest, player=bob, number=quest.number)

    reverse_entry(entry=entry_of(completion), reason=WHY, actor=operator)

    assert completed(bob, quest).slot == QuotaSlot.objects.get()


def test_who_was_reversed_does_not_complete_the_quest_again(
    alice: User, operator: User, make_quest: MakeQuest
) -> None:
    quest = make_quest()
    reverse_entry(entry=entry_of(completed(alice, quest)), reason=WHY, actor=operator)

    told = refused("quest_already_completed", complete_quest, player=alice, number=quest.number)

    assert told.extra["firstResult"]["status"] == "reversed"


def test_what_was_reversed_is_not_reversed_again(
    alice: User, operator: User, make_quest: MakeQuest
) -> None:
    paid = entry_of(completed(alice, make_quest()))
    awarded = award(player=alice, amount=5, reason="Help.", actor=operator)

    for entry in (paid, awarded):
        reverse_entry(entry=entry, reason=WHY, actor=operator)
        refused("already_reversed", reverse_entry, entry=entry, reason=WHY, actor=operator)

    assert boards(alice) == {0: (0, 0)}


def test_a_correction_is_not_corrected(alice: User, operator: User, make_quest: MakeQuest) -> None:
    completion = completed(alice, make_quest())
    held = hold_completion(completion=completion, reason=WHY, actor=operator)
    release_completion(completion=completion, reason="A person.", actor=operator)
    reversal = reverse_entry(entry=entry_of(completion), reason=WHY, actor=operator)

    for entry in (held, reversal):
        refused("not_reversible", reverse_entry, entry=entry, reason=WHY, actor=operator)


@pytest.mark.parametrize("kind", ["completion", "release"])
def test_either_entry_of_what_was_held_and_released_takes_it_back_once(
    alice: User, operator: User, make_quest: MakeQuest, kind: str
) -> None:
    completion = completed(alice, make_quest())
    hold_completion(completion=completion, reason=WHY, actor=operator)
    release_completion(completion=completion, reason="A person.", actor=operator)
    first, other = sorted(
        completion.entries.filter(kind__in=["completion", "release"]),
        key=lambda entry: entry.kind != kind,
    )

    reverse_entry(entry=first, reason=WHY, actor=operator)

    refused("not_reversible", reverse_entry, entry=other, reason=WHY, actor=operator)
    assert boards(alice) == {0: (0, 0)}


def test_what_is_held_counts_again_when_it_is_released(
    alice: User, operator: User, make_quest: MakeQuest
) -> None:
    completion = completed(alice, make_quest(quota=1))

    hold_completion(completion=completion, reason=WHY, actor=operator)
    assert boards(alice) == {0: (0, 0)}
    assert QuotaSlot.objects.get().completion == completion
    refused("not_paid", hold_completion, completion=completion, reason=WHY, actor=operator)
    entry = entry_of(completion)
    refused("not_reversible", reverse_entry, entry=entry, reason=WHY, actor=operator)

    release_completion(completion=completion, reason="A person.", actor=operator)
    assert boards(alice) == {0: (10, 1)}
    completion.refresh_from_db()
    assert (completion.status, completion.reason) == ("paid", "")
    refused("not_held", release_completion, completion=completion, reason=WHY, actor=operator)
    refused("not_held", reverse_held, completion=completion, reason=WHY, actor=operator)


def test_what_a_quest_holds_is_paid_on_its_release(
    alice: User, operator: User, make_quest: MakeQuest
) -> None:
    completion = completed(alice, make_quest(holdCompletions=True))

    made = release_completion(completion=completion, reason="Looks good.", actor=operator)

    assert (made.kind, made.amount, made.completions) == ("release", 10, 1)
    assert boards(alice) == {0: (10, 1)}


def test_what_is_never_paid_gives_its_place_back(
    alice: User, bob: User, operator: User, make_quest: MakeQuest
) -> None:
    quest = make_quest(quota=1, holdCompletions=True)
    completion = completed(alice, quest)

    reverse_held(completion=completion, reason=WHY, actor=operator)

    completion.refresh_from_db()
    assert (completion.status, completion.reason) == ("reversed", WHY)
    assert not LedgerEntry.objects.exists()
    refused("not_held", release_completion, completion=completion, reason=WHY, actor=operator)
    assert completed(bob, quest).status == "held"


@pytest.mark.parametrize("amount", [1, -1, 1_000_000, -1_000_000])
def test_an_award_may_take_away_too(alice: User, operator: User, amount: int) -> None:
    entry = award(player=alice, amount=amount, reason="A talk.", actor=operator)

    assert (entry.kind, entry.completions) == ("award", 0)
    assert boards(alice) == {0: (amount, 0)}
    reverse_entry(entry=entry, reason=WHY, actor=operator)
    assert boards(alice) == {0: (0, 0)}


@pytest.mark.parametrize("amount", [0, 1_000_001, -1_000_001])
def test_an_award_out_of_bounds_is_refused(alice: User, operator: User, amount: int) -> None:
    problem = refused(
        "amount_invalid", award, player=alice, amount=amount, reason="A", actor=operator
    )

    assert problem.status_code == 400
    assert not LedgerEntry.objects.exists()


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_no_correction_goes_without_a_reason(
    alice: User, operator: User, make_quest: MakeQuest, reason: str
) -> None:
    paid, held = completed(alice, make_quest()), completed(alice, make_quest(holdCompletions=True))

    for work, arguments in (
        (award, {"player": alice, "amount": 1}),
        (reverse_entry, {"entry": entry_of(paid)}),
        (hold_completion, {"completion": paid}),
        (release_completion, {"completion": held}),
        (reverse_held, {"completion": held}),
    ):
        refused("reason_needed", work, reason=reason, actor=operator, **arguments)

    assert set(Completion.objects.values_list("status", flat=True)) == {"paid", "held"}
    assert LedgerEntry.objects.count() == 1


def test_a_reason_is_as_long_as_it_is_without_the_spaces_around_it(
    alice: User, operator: User, make_quest: MakeQuest
) -> None:
    completion, reason = completed(alice, make_quest()), "x" * 500

    hold_completion(completion=completion, reason=f"  {reason}  ", actor=operator)

    completion.refresh_from_db()
    assert completion.reason == reason


def test_after_its_season_was_closed_a_correction_counts_overall_alone(
    alice: User, operator: User, make_quest: MakeQuest
) -> None:
    season = Season.objects.create(slug="spring", name="Spring")
    reversed_, held = (completed(alice, make_quest(season="spring")) for _ in range(2))
    awarded = award(player=alice, amount=3, reason="A talk.", actor=operator, season=season)
    hold_completion(completion=held, reason=WHY, actor=operator)
    assert boards(alice) == {0: (13, 1), season.pk: (13, 1)}

    close_season(season=season, actor=operator)
    made = [
        reverse_entry(entry=entry_of(reversed_), reason=WHY, actor=operator),
        release_completion(completion=held, reason="A person.", actor=operator),
        reverse_entry(entry=awarded, reason=WHY, actor=operator),
    ]

    assert [entry.season for entry in made] == [None, None, None]
    assert boards(alice) == {0: (10, 1), season.pk: (13, 1)}
    rank = SeasonRank.objects.get()
    assert (rank.rank, rank.xp, rank.completions) == (1, 13, 1)
    season.refresh_from_db()
    refused(
        "season_closed", award, player=alice, amount=1, reason="A", actor=operator, season=season
    )


def test_badges_go_with_what_earned_them_and_come_back_with_it(
    alice: User, operator: User, make_quest: MakeQuest
) -> None:
    quest = make_quest(category="reading")
    for slug, metric, more in (
        ("ten", "xp", {"threshold": 10}),
        ("first", "completions", {"threshold": 1}),
        ("reader", "category", {"threshold": 1, "category": "reading"}),
        ("all", "quests", {"quests": [quest.number]}),
    ):
        Achievement.objects.create(slug=slug, name=slug, metric=metric, **more)
    every = {"ten", "first", "reader", "all"}
    completion = completed(alice, quest)
    assert badges(alice) == every

    hold_completion(completion=completion, reason=WHY, actor=operator)
    assert badges(alice) == set()
    release_completion(completion=completion, reason="A person.", actor=operator)
    assert badges(alice) == every
    reverse_entry(entry=entry_of(completion), reason=WHY, actor=operator)
    assert badges(alice) == set()


def test_an_award_earns_badges_and_its_reversal_takes_them(alice: User, operator: User) -> None:
    Achievement.objects.create(slug="ten", name="Ten", metric="xp", threshold=10)

    entry = award(player=alice, amount=10, reason="A talk.", actor=operator)
    assert badges(alice) == {"ten"}
    reverse_entry(entry=entry, reason=WHY, actor=operator)
    assert badges(alice) == set()


def test_every_correction_leaves_an_audit_row_and_an_event(
    alice: User, operator: User, make_quest: MakeQuest
) -> None:
    completion = completed(alice, make_quest())
    AuditEntry.objects.all().delete()
    OutboxEvent.objects.all().delete()

    made = [
        award(player=alice, amount=-3, reason="A", actor=operator),
        hold_completion(completion=completion, reason="B", actor=operator),
        release_completion(completion=completion, reason="C", actor=operator),
        reverse_entry(entry=entry_of(completion), reason="D", actor=operator),
    ]

    rows = AuditEntry.objects.order_by("pk")
    assert [(row.actor, row.action, row.subject, row.reason) for row in rows] == [
        (operator, f"xp.{entry.kind}", f"entry {entry.public_id}", entry.reason) for entry in made
    ]
    events = OutboxEvent.objects.order_by("pk")
    assert [(event.kind, event.player) for event in events] == [("xp.changed", alice)] * 4
    assert [event.payload for event in events] == [
        {
            "entryId": str(entry.public_id),
            "kind": entry.kind,
            "amount": entry.amount,
            "completionId": str(completion.public_id) if entry.completion else None,
        }
        for entry in made
    ]


def test_never_paying_leaves_an_audit_row(
    alice: User, operator: User, make_quest: MakeQuest
) -> None:
    completion = completed(alice, make_quest(holdCompletions=True))

    reverse_held(completion=completion, reason=WHY, actor=operator)

    row = AuditEntry.objects.get(action="xp.never_paid")
    assert (row.actor, row.subject, row.reason) == (
        operator,
        f"completion {completion.public_id}",
        WHY,
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("cause", ["completion", "award"])
def test_of_many_reversals_at_once_one_counts(
    alice: User, operator: User, make_quest: MakeQuest, cause: str
) -> None:
    if cause == "award":
        entry = award(player=alice, amount=10, reason="A talk.", actor=operator)
    else:
        entry = entry_of(completed(alice, make_quest()))

    with together(8) as run:
        outcomes = run(lambda _: reverse_entry(entry=entry, reason=WHY, actor=operator))

    told = [getattr(outcome, "code", outcome) for outcome in outcomes]
    assert told.count("already_reversed") == 7, told
    assert boards(alice) == {0: (0, 0)}
    assert_reconciled()
