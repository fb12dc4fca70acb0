"""Places of a leaderboard as pages show them: with their players."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.db import DEFAULT_DB_ALIAS

from accounts.models import User
from monitoring.postgresql.replicas import read_aged
from quests import selectors
from quests.leaderboard import ranking
from quests.leaderboard.ranking import Place
from quests.models import OVERALL, Season, SeasonRank


@dataclass(frozen=True, slots=True)
class ShownPlace:
    rank: int
    player: User
    xp: int
    completions: int
    achievements: int


@dataclass(frozen=True, slots=True)
class Board:
    """A page of it, how many it has in all, and the rank of who looks."""

    places: list[ShownPlace]
    total: int
    own_rank: int | None


def read_board(season: Season | None, player: User | None, *, offset: int, limit: int) -> Board:
    """A closed season's is the one that was written down when it ended. Who plays is told of her XP
    and reads the board anew at once; for everybody else some seconds do no harm."""
    if season and season.closed_at:
        return _frozen(season, player, offset=offset, limit=limit)
    board = season.pk if season else OVERALL
    if player is None:
        return read_aged(lambda using: _page(board, offset, limit, using))
    found = _page(board, offset, limit, DEFAULT_DB_ALIAS)
    return replace(found, own_rank=ranking.rank(board, player.pk))


def _page(board: int, offset: int, limit: int, using: str) -> Board:
    page = ranking.page(board, offset=offset, limit=limit, using=using)
    return Board(with_players(page.places, using=using), page.total or 0, None)


def with_players(places: Iterable[Place], *, using: str = DEFAULT_DB_ALIAS) -> list[ShownPlace]:
    places = list(places)
    ids = [place.player_id for place in places]
    players = User.objects.using(using).in_bulk(ids)
    badges = selectors.achievement_counts(ids, using=using)
    return [
        ShownPlace(
            place.rank,
            players[place.player_id],
            place.xp,
            place.completions,
            badges.get(place.player_id, 0),
        )
        for place in places
    ]


def _frozen(season: Season, player: User | None, *, offset: int, limit: int) -> Board:
    ranks = SeasonRank.objects.filter(season=season)
    rows = ranks.order_by("rank")[offset : offset + limit]
    places = [Place(row.rank, row.player_id, row.xp, row.completions) for row in rows]
    own = ranks.filter(player=player).values_list("rank", flat=True).first() if player else None
    return Board(with_players(places), ranks.count(), own)
