"""The ledger against a model of it that fits on a page, through stories that hypothesis makes up.

    CHAOS=long make test ARGS=tests/quests/test_state_machine.py

tells 1,000 stories of 50 steps. Each is one transaction that is rolled back.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Count, Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.models import User
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
from quests.models import (
    Achievement,
    Completion,
    EarnedAchievement,
    Evidence,
    LedgerEntry,
    OutboxEvent,
    Quest,
    QuotaSlot,
    Season,
    SeasonRank,
    Standing,
)
from quests.progress import submit_step
from tests.quests.conftest import PROOF, MakeQuest

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(5400)]

PLAYERS = st.integers(0, 3)
QUESTS = ("plain", "after", "seasonal", "limited", "held", "proven")
XP = {"plain": 10, "after": 5, "seasonal": 7, "limited": 3, "held": 4, "proven": 6}
OF_THE_SEASON = {"seasonal", "held"}
PLACES = {"limited": 2, "held": 1}
READING = {"plain", "after", "seasonal"}
BOTH = {"plain", "limited"}
WHY = "The story says so."


@dataclass
class World:
    """What is there before a story begins."""

    players: list[User]
    operator: User
    quests: dict[str, Quest]
    season: Season


@dataclass
class Entry:
    pk: int
    kind: str
    player: int
    amount: int
    completions: int
    seasonal: bool
    quest: str = ""
    is_reversed: bool = False


@dataclass
class Model:
    """What should be: statuses by (player, quest), proofs by player, and every entry."""

    status: dict[tuple[int, str], str] = field(default_factory=dict)
    proof: dict[int, str] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    frozen: list[tuple[int, int, int]] | None = None

    def free(self, quest: str) -> int:
        taken = [s for (_, name), s in self.status.items() if name == quest and s != "reversed"]
        return PLACES[quest] - len(taken)

    def paid(self, player: int) -> set[str]:
        return {
            quest
            for (who, quest), status in self.status.items()
            if who == player and status == "paid"
        }

    def refusal(self, player: int, quest: str) -> str:
        """What stands in the way of a completion."""
        if (player, quest) in self.status:
            return "quest_already_completed"
        if quest == "after" and "plain" not in self.paid(player):
            return "prerequisites_missing"
        if quest == "proven" and self.proof.get(player) != "verified":
            return "requirements_missing"
        return "quota_exhausted" if quest in PLACES and not self.free(quest) else ""

    def season_of(self, player: int, quest: str) -> bool:
        """Whether a correction of it counts for the season: as its last entry, if still open."""
        mine = [e for e in self.entries if (e.player, e.quest) == (player, quest)]
        seasonal = mine[-1].seasonal if mine else quest in OF_THE_SEASON
        return seasonal and self.frozen is None

    def board(self, *, seasonal: bool) -> list[tuple[int, int, int]]:
        """(player, XP, completions) in the order of ranks."""
        counted = [e for e in self.entries if e.seasonal or not seasonal]
        last = {e.player: place for place, e in enumerate(counted)}
        sums = [
            (
                player,
                sum(e.amount for e in counted if e.player == player),
                sum(e.completions for e in counted if e.player == player),
            )
            for player in last
        ]
        return sorted(sums, key=lambda row: (-row[1], last[row[0]]))

    def badges(self, player: int) -> set[str]:
        xp, done = next(
            ((xp, done) for who, xp, done in self.board(seasonal=False) if who == player), (0, 0)
        )
        paid = self.paid(player)
        earned = {
            "rich": xp >= 15,
            "busy": done >= 2,
            "reader": len(paid & READING) >= 2,
            "both": paid >= BOTH,
        }
        return {slug for slug, is_earned in earned.items() if is_earned}


class Story(RuleBasedStateMachine):
    """Each rule says first what the model expects, does it, and tells the model what came of it."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.model = world, Model()
        self._transaction = transaction.atomic()
        self._transaction.__enter__()

    def teardown(self) -> None:
        try:
            connection.check_constraints()
        finally:
            transaction.set_rollback(True)
            self._transaction.__exit__(None, None, None)

    @rule(player=PLAYERS, quest=st.sampled_from(QUESTS))
    def complete(self, player: int, quest: str) -> None:
        number = self.world.quests[quest].number
        expected = self.model.refusal(player, quest)
        result = self._do(expected, complete_quest, player=self._user(player), number=number)
        if result is None:
            return
        self.model.status[player, quest] = "held" if quest == "held" else "paid"
        if quest != "held":
            made = LedgerEntry.objects.get(completion=result.completion_id)
            seasonal = self.model.season_of(player, quest)
            self._entered(made, player, XP[quest], 1, seasonal=seasonal, quest=quest)

    @rule(player=PLAYERS)
    def send_a_proof(self, player: int) -> None:
        expected = ""
        if (player, "proven") in self.model.status:
            expected = "quest_already_completed"
        elif self.model.proof.get(player) in {"pending", "verified"}:
            expected = "proof_waiting"
        number = self.world.quests["proven"].number
        proof = {"text": f"I was there: {Evidence.objects.count()}"}
        user = self._user(player)
        if self._do(expected, submit_step, player=user, number=number, key="proof", answer=proof):
            self.model.proof[player] = "pending"

    @precondition(lambda self: self.model.proof)
    @rule(data=st.data(), is_good=st.booleans())
    def review(self, data: st.DataObject, is_good: bool) -> None:
        player = data.draw(st.sampled_from(sorted(self.model.proof)))
        evidence = Evidence.objects.filter(player=self._user(player)).latest("pk")
        expected = "" if self.model.proof[player] == "pending" else "already_reviewed"
        decide = reviews.approve if is_good else reviews.reject
        if self._do(expected, decide, evidence=evidence, actor=self.world.operator, note=WHY):
            self.model.proof[player] = "verified" if is_good else "rejected"

    @rule(player=PLAYERS, amount=st.integers(-20, 20), seasonal=st.booleans())
    def award(self, player: int, amount: int, seasonal: bool) -> None:
        season = Season.objects.get() if seasonal else None
        is_closed = seasonal and self.model.frozen is not None
        expected = "season_closed" if is_closed else ""
        expected = expected if amount else "amount_invalid"
        made = self._correct(
            expected, award, player=self._user(player), amount=amount, season=season
        )
        if made:
            self._entered(made, player, amount, 0, seasonal=seasonal)

    @precondition(lambda self: self.model.entries)
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        entry = data.draw(st.sampled_from(self.model.entries))
        status = self.model.status.get((entry.player, entry.quest), "paid")
        expected = "" if status == "paid" else "not_reversible"
        expected = "already_reversed" if entry.is_reversed else expected
        if entry.kind in {"hold", "reversal"}:
            expected = "not_reversible"
        row = LedgerEntry.objects.get(pk=entry.pk)
        if not (made := self._correct(expected, reverse_entry, entry=row)):
            return
        entry.is_reversed = True
        seasonal = entry.seasonal and self.model.frozen is None
        quest, counts = entry.quest, -entry.completions
        self._entered(made, entry.player, -entry.amount, counts, seasonal=seasonal, quest=quest)
        if quest:
            self.model.status[entry.player, quest] = "reversed"

    @precondition(lambda self: self.model.status)
    @rule(data=st.data())
    def hold(self, data: st.DataObject) -> None:
        player, quest, completion = self._drawn(data)
        expected = "" if self.model.status[player, quest] == "paid" else "not_paid"
        if made := self._correct(expected, hold_completion, completion=completion):
            seasonal = self.model.season_of(player, quest)
            self._entered(made, player, -XP[quest], -1, seasonal=seasonal, quest=quest)
            self.model.status[player, quest] = "held"

    @precondition(lambda self: self.model.status)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        player, quest, completion = self._drawn(data)
        expected = "" if self.model.status[player, quest] == "held" else "not_held"
        if made := self._correct(expected, release_completion, completion=completion):
            seasonal = self.model.season_of(player, quest)
            self._entered(made, player, XP[quest], 1, seasonal=seasonal, quest=quest)
            self.model.status[player, quest] = "paid"

    @precondition(lambda self: "held" in self.model.status.values())
    @rule(data=st.data())
    def never_pay(self, data: st.DataObject) -> None:
        player, quest, completion = self._drawn(data)
        expected = "" if self.model.status[player, quest] == "held" else "not_held"
        self._correct(expected, reverse_held, completion=completion)
        if not expected:
            self.model.status[player, quest] = "reversed"

    @precondition(lambda self: len(self.model.entries) > 3)
    @rule()
    def close_season(self) -> None:
        close_season(season=self.world.season, actor=self.world.operator)
        if self.model.frozen is None:
            self.model.frozen = self.model.board(seasonal=True)

    @rule()
    def fold(self) -> None:
        segments.fold()

    @rule()
    def rebuild(self) -> None:
        done = rebuild.rebuild()
        changed = done.standings, done.achievements_given, done.achievements_taken
        assert changed == (0, 0, 0)

    @precondition(lambda self: self.model.entries)
    @rule(data=st.data(), is_gone=st.booleans())
    def rebuild_what_was_spoilt(self, data: st.DataObject, is_gone: bool) -> None:
        entry = data.draw(st.sampled_from(self.model.entries))
        standing = Standing.objects.filter(board=0, player=self._user(entry.player))
        _ = standing.delete() if is_gone else standing.update(xp=999, last_entry=1)
        assert rebuild.rebuild().standings == 1

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        boards = {0: self.model.board(seasonal=False)}
        boards[self.world.season.pk] = self.model.board(seasonal=True)
        for board, rows in boards.items():
            page = ranking.page(board, offset=0, limit=10)
            found = [(self._number(p.player_id), p.xp, p.completions) for p in page.places]
            assert found == rows
            assert page.total == len(rows) == Standing.objects.filter(board=board).count()
        for rank, (player, _, _) in enumerate(boards[0], 1):
            assert ranking.rank(0, self._user(player).pk) == rank
        self._assert_rows()
        self._assert_counts()

    def _assert_rows(self) -> None:
        completions = Completion.objects.values_list("player", "quest", "status")
        names = {quest.pk: name for name, quest in self.world.quests.items()}
        assert {(self._number(p), names[q]): s for p, q, s in completions} == self.model.status
        earned = EarnedAchievement.objects.values_list("player", "achievement__slug")
        expected = {(p, slug) for p in range(4) for slug in self.model.badges(p)}
        assert {(self._number(player), slug) for player, slug in earned} == expected
        kept = SeasonRank.objects.order_by("rank").values_list("player", "xp", "completions")
        assert [(self._number(p), *sums) for p, *sums in kept] == (self.model.frozen or [])

    def _assert_counts(self) -> None:
        """The ledger's sums by completion, the free places, and one event for every fact."""
        sums = LedgerEntry.objects.exclude(completion=None).values("completion")
        told = sums.annotate(xp=Sum("amount")).values_list(
            "completion__status", "completion__xp", "xp"
        )
        assert all(found == (xp if status == "paid" else 0) for status, xp, found in told)
        free = QuotaSlot.objects.filter(completion=None).values("quest__title")
        found = dict(free.annotate(n=Count("pk")).values_list("quest__title", "n"))
        assert Counter(found) == Counter({name: self.model.free(name) for name in PLACES})
        kinds = dict(
            OutboxEvent.objects.values("kind").annotate(n=Count("pk")).values_list("kind", "n")
        )
        corrections = [e for e in self.model.entries if e.kind != "completion"]
        assert kinds.get("quest.completed", 0) == len(self.model.status)
        assert kinds.get("xp.changed", 0) == len(corrections)
        assert LedgerEntry.objects.count() == len(self.model.entries)

    def _do(self, expected: str, work: Callable[..., Any], **arguments: Any) -> Any:
        """What `work` gives, or None when it is refused; either must be as expected."""
        result, code = None, ""
        try:
            result = work(**arguments)
        except Problem as problem:
            code = problem.code
        assert code == expected
        return result

    def _correct(self, expected: str, work: Callable[..., Any], **arguments: Any) -> Any:
        return self._do(expected, work, reason=WHY, actor=self.world.operator, **arguments)

    def _entered(
        self,
        made: LedgerEntry,
        player: int,
        amount: int,
        completions: int,
        *,
        seasonal: bool,
        quest: str = "",
    ) -> None:
        entry = Entry(made.pk, made.kind, player, amount, completions, seasonal, quest)
        self.model.entries.append(entry)

    def _drawn(self, data: st.DataObject) -> tuple[int, str, Completion]:
        player, quest = data.draw(st.sampled_from(sorted(self.model.status)))
        done = Completion.objects.get(player=self._user(player), quest=self.world.quests[quest])
        return player, quest, done

    def _user(self, player: int) -> User:
        return self.world.players[player]

    def _number(self, pk: int) -> int:
        return pk - self.world.players[0].pk


@pytest.fixture
def world(operator: User, make_quest: MakeQuest) -> World:
    season = Season.objects.create(slug="spring", name="Spring")
    quests: dict[str, Quest] = {}
    for name in QUESTS:
        quests[name] = make_quest(
            *([PROOF] if name == "proven" else []),
            title=name,
            xpReward=XP[name],
            quota=PLACES.get(name),
            season="spring" if name in OF_THE_SEASON else None,
            category="reading" if name in READING else "",
            holdCompletions=name == "held",
            prerequisites={"quest": quests["plain"].number} if name == "after" else {},
        )
    both = [quests[name].number for name in sorted(BOTH)]
    for slug, metric, more in (
        ("rich", "xp", {"threshold": 15}),
        ("busy", "completions", {"threshold": 2}),
        ("reader", "category", {"threshold": 2, "category": "reading"}),
        ("both", "quests", {"quests": both}),
    ):
        Achievement.objects.create(slug=slug, name=slug, metric=metric, **more)
    players = [User.objects.create_user(username=f"player{n}") for n in range(4)]
    return World(players, operator, quests, season)


def test_no_story_tells_the_ledger_from_its_model(
    world: World, long_form: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "MOST", 2)
    monkeypatch.setattr(segments, "LEAST", 1)

    run_state_machine_as_test(
        lambda: Story(world),
        settings=settings(
            max_examples=1_000 if long_form else 15,
            stateful_step_count=50 if long_form else 20,
            derandomize=not long_form,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
