"""How much is measured: the whole, or the short form that only shows that everything works."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    seconds: float = 5.0
    rounds: int = 5
    drained: int = 30_000  # clicks a round
    many_links: int = 20_000
    few: int = 10_000  # stored clicks
    many: int = 3_000_000
    charted: int = 1_000_000
    requests: int = 100  # for statistics, a round
    one_by_one: int = 1_000  # redirects
    players: int = 2_000  # who complete quests
    quests_a_round: int = 2  # that all of them do without HTTP
    claimers: int = 1_000  # of a quota
    standings: int = 1_000_000
    listeners: int = 300  # in the room of the fan-out
    talkers: int = 100  # who send messages, each at most 20 a second
    guests: int = 10_000  # connections at once
    small_rooms: int = 1_000
    visits: int = 5_000  # clicks of which some are players' own
    kills: int = 100  # random ones, over mixed work
    reloads: int = 20
    backed_up: int = 1_200_000  # clicks in a database of a gigabyte
    soaked: float = 10.0  # minutes
    judged: bool = True


SHORT = Plan(
    seconds=0.5,
    rounds=1,
    drained=3_000,
    many_links=200,
    few=1_000,
    many=5_000,
    charted=10_000,
    requests=5,
    one_by_one=100,
    players=50,
    claimers=40,
    standings=2_000,
    listeners=60,
    talkers=10,
    guests=40,
    small_rooms=4,
    visits=40,
    backed_up=2_000,
    judged=False,
)
