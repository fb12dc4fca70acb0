"""A season that is closed keeps its ranks for good, and every entry of it is in them."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Sum
from django.utils import timezone

from accounts.models import User
from quests.authoring.services import close_ended_seasons, close_season
from quests.completions.completing import complete_quest
from quests.completions.correcting import award
from quests.models import AuditEntry, LedgerEntry, OutboxEvent, Season, SeasonRank, Standing
from tests.quests.conftest import MakeQuest, assert_reconciled
from tests.together import together

pytestmark = pytest.mark.django_db


@pytest.fixture
def season(db: None) -> Season:
    return Season.objects.create(slug="spring", name="Spring")


def ranks(season: Season) -> list[tuple[int, str, int, int]]:
    rows = SeasonRank.objects.filter(season=season).order_by("rank")
    return list(rows.values_list("rank", "player__username", "xp", "completions"))


def assert_all_is_frozen(season: Season) -> None:
    """What was entered for the season is what its ranks say, player by player."""
    entered = LedgerEntry.objects.filter(season=season).order_by("player").values_list("player")
    kept = SeasonRank.objects.filter(season=season).order_by("player")
    assert list(entered.annotate(xp=Sum("amount"), done=Sum("completions"))) == list(
        kept.values_list("player", "xp", "completions")
    )
    numbers = SeasonRank.objects.filter(season=season).values_list("rank", flat=True)
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_closing_keeps_the_ranks_as_they_stand(
    alice: User, bob: User, charlie: User, operator: User, season: Season, make_quest: MakeQuest
) -> None:
    quest = make_quest(season="spring")
    for player in (bob, alice):  # the same XP: who got there first stands above
        complete_quest(player=player, number=quest.number)
    award(player=charlie, amount=30, reason="A talk.", actor=operator, season=season)
    award(player=alice, amount=99, reason="Not of the season.", actor=operator)

    closed = close_season(season=season, actor=operator, reason="It is over.")

    assert closed.closed_at
    assert ranks(season) == [(1, "charlie", 30, 0), (2, "bob", 10, 1), (3, "alice", 10, 1)]
    event = OutboxEvent.objects.get(kind="season.closed")
    assert event.payload == {"season": "spring", "name": "Spring", "players": 3}
    row = AuditEntry.objects.get(action="season.closed")
    assert (row.actor, row.subject, row.reason) == (operator, "season spring", "It is over.")


def test_closing_twice_changes_nothing(
    alice: User, operator: User, season: Season, make_quest: MakeQuest
) -> None:
    complete_quest(player=alice, number=make_quest(season="spring").number)
    first = close_season(season=season, actor=operator)

    again = close_season(season=season, actor=operator)

    assert again.closed_at == first.closed_at
    assert ranks(season) == [(1, "alice", 10, 1)]
    assert OutboxEvent.objects.filter(kind="season.closed").count() == 1


def test_after_the_close_a_quest_of_the_season_pays_overall_alone(
    alice: User, bob: User, operator: User, season: Season, make_quest: MakeQuest
) -> None:
    quest = make_quest(season="spring")
    complete_quest(player=alice, number=quest.number)
    close_season(season=season, actor=operator)

    result = complete_quest(player=bob, number=quest.number)

    assert result.total_xp == 10
    assert LedgerEntry.objects.get(player=bob).season is None
    assert list(Standing.objects.filter(player=bob).values_list("board", "xp")) == [(0, 10)]
    assert ranks(season) == [(1, "alice", 10, 1)]


@pytest.mark.parametrize(
    "window",
    [
        {"starts_at": timezone.now() + timedelta(hours=1)},
        {"ends_at": timezone.now() - timedelta(hours=1)},
    ],
)
def test_outside_of_its_window_nothing_counts_for_a_season(
    alice: User, season: Season, make_quest: MakeQuest, window: dict[str, Any]
) -> None:
    Season.objects.filter(pk=season.pk).update(**window)

    complete_quest(player=alice, number=make_quest(season="spring").number)

    assert list(Standing.objects.values_list("board", "xp")) == [(0, 10)]


def test_seasons_that_have_ended_are_closed_and_others_go_on(
    alice: User, season: Season, make_quest: MakeQuest
) -> None:
    complete_quest(player=alice, number=make_quest(season="spring").number)
    now = timezone.now()
    Season.objects.filter(pk=season.pk).update(ends_at=now - timedelta(seconds=1))
    for slug, ends_at in (("endless", None), ("later", now + timedelta(hours=1))):
        Season.objects.create(slug=slug, name=slug, ends_at=ends_at)

    assert close_ended_seasons() == 1
    assert close_ended_seasons() == 0

    closed = Season.objects.exclude(closed_at=None)
    assert [one.slug for one in closed] == ["spring"]
    assert ranks(season) == [(1, "alice", 10, 1)]
    assert AuditEntry.objects.get(action="season.closed").actor is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", range(5))
def test_what_races_with_the_close_is_in_the_ranks_or_not_of_the_season(
    operator: User, season: Season, make_quest: MakeQuest, round_: int
) -> None:
    players = User.objects.bulk_create(User(username=f"player{n}") for n in range(16))
    number = make_quest(season="spring").number

    def work(place: int) -> Any:
        if place == 8:  # in the middle of the crowd
            return close_season(season=season, actor=operator)
        if place % 4 == 3:
            player = players[place - 1]
            return award(player=player, amount=7, reason="A", actor=operator, season=season)
        return complete_quest(player=players[place], number=number)

    with together(16) as run:
        outcomes = run(work)

    raised = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert {getattr(error, "code", error) for error in raised} <= {"season_closed"}
    assert LedgerEntry.objects.count() == 15 - len(raised)
    assert_all_is_frozen(season)
    assert_reconciled()


@pytest.mark.django_db(transaction=True)
def test_of_many_closes_at_once_one_counts(
    alice: User, operator: User, season: Season, make_quest: MakeQuest
) -> None:
    complete_quest(player=alice, number=make_quest(season="spring").number)

    with together(8) as run:
        outcomes = run(lambda _: close_season(season=season, actor=operator))

    assert len({closed.closed_at for closed in outcomes}) == 1, outcomes
    assert ranks(season) == [(1, "alice", 10, 1)]
    assert AuditEntry.objects.filter(action="season.closed").count() == 1
