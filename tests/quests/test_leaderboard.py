"""The leaderboard is exact at any moment, whatever is folded, cut or rebuilt meanwhile."""

import random
from threading import Event

import pytest
from django.db import connection, transaction

from accounts.models import User
from quests.completions.correcting import award
from quests.leaderboard import ranking, rebuild, segments
from quests.models import RankChange, RankSegment, Standing
from tests.quests.conftest import assert_reconciled
from tests.stack import wait_until
from tests.together import together

BOARD = 7


@pytest.fixture
def players(db: None) -> list[User]:
    return User.objects.bulk_create(User(username=f"player{n}") for n in range(60))


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "MOST", 6)
    monkeypatch.setattr(segments, "LEAST", 3)


def put(player: User, xp: int, entry: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO quests_standing (board, player_id, xp, completions, last_entry, updated_at)
            VALUES (%s, %s, %s, 1, %s, now()) ON CONFLICT (board, player_id)
            DO UPDATE SET xp = excluded.xp, last_entry = excluded.last_entry
            """,
            [BOARD, player.pk, xp, entry],
        )


def in_order() -> list[tuple[int, int]]:
    rows = Standing.objects.filter(board=BOARD).values_list("player", "xp", "last_entry")
    return [(p, xp) for p, xp, _ in sorted(rows, key=lambda row: (-row[1], row[2]))]


def assert_exact() -> None:
    expected = in_order()
    page = ranking.page(BOARD, offset=0, limit=1000)
    assert [(place.player_id, place.xp) for place in page.places] == expected
    assert page.total == len(expected)
    for offset in range(0, len(expected) + 2, 7):
        part = ranking.page(BOARD, offset=offset, limit=5).places
        assert [place.player_id for place in part] == [p for p, _ in expected[offset : offset + 5]]
        assert [place.rank for place in part] == list(range(offset + 1, offset + 1 + len(part)))
    for rank, (player, _) in enumerate(expected, 1):
        assert ranking.rank(BOARD, player) == rank


@pytest.mark.parametrize("seed", range(4))
def test_pages_and_ranks_are_exact_after_every_step_of_a_random_story(
    players: list[User], seed: int
) -> None:
    chance = random.Random(seed)
    for entry in range(1, 150):
        put(chance.choice(players), chance.choice([0, 10, 10, 10, 20, 35, -5]), entry)
        if chance.random() < 0.2:
            segments.fold()
        if entry % 30 == 0:
            assert_exact()
    while segments.fold():
        pass
    assert_exact()
    assert not RankChange.objects.exists()
    sizes = list(RankSegment.objects.values_list("players", flat=True))
    assert len(sizes) > 3
    assert max(sizes) <= 6


def test_a_board_nobody_has_folded_yet_is_exact_too(players: list[User]) -> None:
    for entry, player in enumerate(players[:20], 1):
        put(player, entry % 4, entry)

    assert not RankSegment.objects.exists()
    assert_exact()


def test_of_two_with_the_same_xp_the_first_to_get_there_stands_above(players: list[User]) -> None:
    put(players[0], 10, entry=2)
    put(players[1], 10, entry=1)

    page = ranking.page(BOARD, offset=0, limit=2)

    assert [place.player_id for place in page.places] == [players[1].pk, players[0].pk]


def test_around_somebody_is_the_page_with_her_in_the_middle(players: list[User]) -> None:
    for place, player in enumerate(players, 1):
        put(player, 1000 - place, place)

    page = ranking.around(BOARD, players[29].pk, limit=5)

    assert page is not None
    assert [place.rank for place in page.places] == [28, 29, 30, 31, 32]
    assert page.places[2].player_id == players[29].pk
    assert ranking.around(BOARD, 0, limit=5) is None


def test_an_empty_board_has_an_empty_page(db: None) -> None:
    assert ranking.page(BOARD, offset=0, limit=50) == ranking.Page([], 0, 0)
    assert ranking.rank(BOARD, 1) is None


@pytest.mark.django_db(transaction=True)
def test_a_rebuild_leaves_everything_as_it_is_and_sets_right_what_is_not(
    alice: User, bob: User, operator: User, players: list[User]
) -> None:
    for number, player in enumerate([alice, bob, *players[:20]]):
        award(player=player, amount=number % 5 + 1, reason="Test.", actor=operator)
    before = [(place.rank, place.player_id) for place in ranking.page(0, offset=0, limit=50).places]
    Standing.objects.filter(player=alice).update(xp=999)
    Standing.objects.filter(player=bob).delete()

    done = rebuild.rebuild()

    assert done.standings == 2
    after = [(place.rank, place.player_id) for place in ranking.page(0, offset=0, limit=50).places]
    assert after == before
    assert_reconciled()


@pytest.mark.django_db(transaction=True)
def test_a_rebuild_waits_for_a_fold_that_is_under_way(alice: User, operator: User) -> None:
    award(player=alice, amount=1, reason="Test.", actor=operator)
    folded, rebuilding = Event(), "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"

    def work(place: int) -> int:
        if place:
            assert folded.wait(timeout=30)
            return segments.rebuild()
        with transaction.atomic():
            segments.fold()
            folded.set()
            wait_until(lambda: count(f"{rebuilding} AND NOT granted") == 1)
        return 0

    with together(2) as run:
        assert run(work) == [0, 1]

    assert_reconciled()


def count(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.fetchone()[0])


def test_the_first_note_of_a_new_board_waits_when_it_came_too_late_for_its_segment(
    players: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if another transaction had committed it between the two statements of a fold."""
    put(players[0], 10, 1)
    monkeypatch.setattr(segments, "_BEGIN", "SELECT %s, %s")

    assert segments.fold() == 0
    assert_exact()
