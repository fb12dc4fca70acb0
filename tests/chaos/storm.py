"""Everything that players and operators do to the ledger, at random and all at once."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock, Semaphore, Thread
from typing import Any

from django.db import connection

from accounts.models import User
from monitoring.postgresql.retries import retried
from monitoring.wire.problems import Problem
from quests import reviews
from quests.authoring.services import close_season
from quests.completions.completing import complete_quest
from quests.completions.correcting import (
    award,
    hold_completion,
    release_completion,
    reverse_entry,
    reverse_held,
)
from quests.leaderboard import ranking, rebuild, segments
from quests.models import Achievement, Completion, Evidence, LedgerEntry, Quest, Season
from quests.progress import submit_step
from tests.quests.conftest import PROOF, QUIZ, QUIZ_RIGHT, MakeQuest

# Operators and the unlucky meet at a few players: half of everything is about one of these.
HOT = 8
SEASONS = 4
# How often each thing is done, of a thousand; each season is closed once, somewhere on the way.
SHARES = {
    "complete": 520,
    "answer_a_quiz": 60,
    "send_a_proof": 50,
    "review": 60,
    "award": 60,
    "reverse": 50,
    "hold": 50,
    "release": 60,
    "never_pay": 10,
    "correct_several": 60,
    "look": 20,
}
# Answers that somebody who comes at a bad moment gets, and nothing worse.
EXPECTED = {
    "already_reversed", "already_reviewed", "not_held", "not_paid", "not_reversible",
    "prerequisites_missing", "proof_repeated", "proof_waiting", "quest_already_completed",
    "quota_exhausted", "requirements_missing", "season_closed",
}  # fmt: skip


@dataclass
class World:
    """`quests` are of every sort; the last seasons' quests are of those seasons."""

    players: list[User]
    operator: User
    quests: list[Quest]
    quizzes: list[Quest]
    proofs: list[Quest]
    seasons: list[Season]
    # So many operators correct whole pages at the same time; with more, somebody is the victim of
    # five deadlocks one after the other, which is all the tries there are.
    desks: Semaphore = field(default_factory=lambda: Semaphore(6))


@dataclass
class Storm:
    """`outcomes` are counted by operation and answer; an `error` is what no caller should see."""

    world: World
    seed: int
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    folded: int = 0
    rebuilt: int = 0
    _lock: Lock = field(default_factory=Lock)

    def rage(self, operations: int, *, workers: int) -> None:
        plan = iter(list(enumerate(self._plan(operations))))
        over = Event()
        beside = Thread(target=self._keep_ranks, args=(over,))
        beside.start()
        with ThreadPoolExecutor(workers) as pool:
            for _ in range(workers):
                pool.submit(self._work, plan)
        over.set()
        beside.join()

    def _plan(self, operations: int) -> list[str]:
        chance = random.Random(self.seed)
        plan = chance.choices(list(SHARES), weights=list(SHARES.values()), k=operations - SEASONS)
        for number in range(SEASONS):
            plan.insert(chance.randrange(len(plan) // 10, len(plan)), f"close_season {number}")
        return plan

    def _work(self, plan: Iterator[tuple[int, str]]) -> None:
        while step := self._next(plan):
            number, name = step
            turn = Turn(self.world, random.Random(f"{self.seed} {number}"))
            operation, *arguments = name.split()
            self._note(operation, lambda t=turn, o=operation, a=arguments: getattr(t, o)(*a))
        connection.close()

    def _next(self, plan: Iterator[tuple[int, str]]) -> tuple[int, str] | None:
        with self._lock:
            return next(plan, None)

    def _keep_ranks(self, over: Event) -> None:
        """What beat and an operator do beside: folding without pause, now and then a rebuild."""
        while not over.is_set():
            for _ in range(20):
                self.folded += self._note("fold", segments.fold) or 0
            self._note("rebuild", rebuild.rebuild)
            self.rebuilt += 1
        connection.close()

    def _note(self, operation: str, work: Callable[[], Any]) -> Any:
        result, answer = None, "done"
        try:
            result = work()
        except Problem as problem:
            answer = problem.code
        except Exception as error:  # noqa: BLE001 - the verdict is the test's
            answer = type(error).__name__
            self.errors.append(f"{operation}: {error!r}")
        with self._lock:
            self.outcomes[operation, answer] += 1
        return result


@dataclass
class Turn:
    """One operation, by one caller, with chances of its own."""

    world: World
    chance: random.Random

    def complete(self) -> None:
        self._complete(self._player(), self.chance.choice(self.world.quests))

    def answer_a_quiz(self) -> None:
        player, quest = self._player(), self.chance.choice(self.world.quizzes)
        submit_step(player=player, number=quest.number, key="quiz", answer=QUIZ_RIGHT)
        self._complete(player, quest)

    def send_a_proof(self) -> None:
        player, quest = self._player(), self.chance.choice(self.world.proofs)
        proof = {"text": f"I was there, {self.chance.random()}"}
        submit_step(player=player, number=quest.number, key="proof", answer=proof)

    def review(self) -> None:
        waiting = list(reviews.waiting()[:20])
        if not waiting:
            return
        evidence: Evidence = self.chance.choice(waiting)
        if self.chance.random() < 0.3:
            reviews.reject(evidence=evidence, actor=self.world.operator, note="Not you.")
            return
        reviews.approve(evidence=evidence, actor=self.world.operator)
        self._complete(evidence.player, evidence.quest)

    def award(self) -> None:
        award(
            player=self._player(),
            amount=self.chance.choice([-20, -1, 1, 5, 50]),
            reason="A talk.",
            actor=self.world.operator,
            season=self.chance.choice([None, *self.world.seasons]),
        )

    def reverse(self) -> None:
        if entry := self._entry(self._player()):
            reverse_entry(entry=entry, reason="A bot.", actor=self.world.operator)

    def hold(self) -> None:
        if completion := self._completion(self._player(), "paid"):
            hold_completion(completion=completion, reason="Odd.", actor=self.world.operator)

    def release(self) -> None:
        if completion := self._completion(self._player(), "held"):
            release_completion(completion=completion, reason="Fine.", actor=self.world.operator)

    def never_pay(self) -> None:
        if completion := self._completion(self._player(), "held"):
            reverse_held(completion=completion, reason="A bot.", actor=self.world.operator)

    def correct_several(self) -> None:
        """An operator's whole page in one transaction: each locks what the others lock, in an order
        of its own."""
        players = self.chance.sample(self.world.players[:HOT], 4)
        with self.world.desks:
            entries = [entry for player in players if (entry := self._entry(player))]
            _reverse_all(entries, self.world.operator)

    def look(self) -> None:
        board = self.chance.choice([0, *(season.pk for season in self.world.seasons)])
        ranking.page(board, offset=self.chance.randrange(20), limit=10)
        ranking.rank(board, self._player().pk)

    def close_season(self, number: str) -> None:
        close_season(season=self.world.seasons[int(number)], actor=self.world.operator)

    def _player(self) -> User:
        some = self.world.players[:HOT] if self.chance.random() < 0.5 else self.world.players
        return self.chance.choice(some)

    def _complete(self, player: User, quest: Quest) -> None:
        complete_quest(player=player, number=quest.number)

    def _entry(self, player: User) -> LedgerEntry | None:
        kinds = ["completion", "award", "release"]
        entries = LedgerEntry.objects.filter(player=player, kind__in=kinds, reversed_by=None)
        return self._any(entries.order_by("-pk")[:10])

    def _completion(self, player: User, status: str) -> Completion | None:
        found = Completion.objects.filter(player=player, status=status)
        return self._any(found.order_by("-pk")[:10])

    def _any(self, rows: Any) -> Any:
        found = list(rows)
        return self.chance.choice(found) if found else None


@retried
def _reverse_all(entries: list[LedgerEntry], operator: User) -> None:
    for entry in entries:
        try:
            reverse_entry(entry=entry, reason="A bot.", actor=operator)
        except Problem as problem:
            if problem.code not in EXPECTED:
                raise


def make_world(make_quest: MakeQuest, operator: User, *, players: int) -> World:
    seasons = [Season.objects.create(slug=f"s{n}", name=f"Season {n}") for n in range(SEASONS)]
    plain = [make_quest(xpReward=n, category="abc"[n % 3]) for n in range(20)]
    _make_badges(plain)
    quizzes = [make_quest(QUIZ, quota=players // 2) for _ in range(4)]
    proofs = [make_quest(PROOF) for _ in range(3)]
    return World(
        players=User.objects.bulk_create(User(username=f"player{n}") for n in range(players)),
        operator=operator,
        quizzes=quizzes,
        proofs=proofs,
        seasons=seasons,
        quests=[
            *plain,
            *(make_quest(prerequisites={"quest": plain[n].number}) for n in range(4)),
            *(make_quest(prerequisites={"xp": 20}, season=f"s{n}") for n in range(4)),
            *(make_quest(quota=max(1, players // 4)) for _ in range(4)),
            *(make_quest(holdCompletions=True, season=f"s{n}", quota=players) for n in range(4)),
            *(make_quest(season=f"s{n % SEASONS}", recurrence="daily") for n in range(12)),
            *quizzes,
            *proofs,
        ],
    )


def _make_badges(quests: list[Quest]) -> None:
    numbers = [quest.number for quest in quests[:3]]
    for slug, metric, more in (
        ("rich", "xp", {"threshold": 100}),
        ("busy", "completions", {"threshold": 5}),
        ("reader", "category", {"category": "a", "threshold": 3}),
        ("all", "quests", {"quests": numbers}),
    ):
        Achievement.objects.create(slug=slug, name=slug, metric=metric, **more)
