"""Corrections of the ledger: always a new entry, with its author and reason, never a change.

A correction locks the completion first, then writes what every writer of XP writes, in the order
that quests.completions.completing gives.
"""

import json
from uuid import UUID, uuid4

from accounts.events import announce_people_after_commit
from accounts.models import User
from monitoring.postgresql.retries import retried
from monitoring.wire.problems import Problem
from quests import achievements, audit, live, outbox
from quests.completions import quota, statement
from quests.models import Completion, LedgerEntry, OutboxEvent, Season

Kind = LedgerEntry.Kind
Status = Completion.Status
MAX_AWARD = 1_000_000
REVERSIBLE = frozenset({Kind.COMPLETION, Kind.AWARD, Kind.RELEASE})


@retried
def award(
    *, player: User, amount: int, reason: str, actor: User, season: Season | None = None
) -> LedgerEntry:
    """XP outside of any quest; `amount` may be negative. Problems: `amount_invalid` (400),
    `season_closed` (409)."""
    if not 0 < abs(amount) <= MAX_AWARD:
        detail = f"An award is 1 to {MAX_AWARD:,} XP, or as much less."
        raise Problem("amount_invalid", detail, status=400)
    entry = _enter(
        Kind.AWARD, actor, reason, player.pk, amount, season=season.pk if season else None
    )
    # Judged by the statement, under the season's lock.
    if season and entry.season_id is None:
        raise Problem("season_closed", "This season is closed.", status=409)
    return entry


@retried
def reverse_entry(*, entry: LedgerEntry, reason: str, actor: User) -> LedgerEntry:
    """Take an entry back; its completion counts no more, and its place of a quota is free again.
    Problems (409): `already_reversed`, `not_reversible`."""
    if entry.kind not in REVERSIBLE:
        raise Problem("not_reversible", "This entry is a correction itself.", status=409)
    completion = _locked(entry.completion_id) if entry.completion_id else None
    # Two who reverse one award have no completion to wait for each other at.
    LedgerEntry.objects.select_for_update(no_key=True).get(pk=entry.pk)
    if LedgerEntry.objects.filter(reverses=entry).exists():
        raise Problem("already_reversed", "This entry was reversed before.", status=409)
    if completion and completion.status != Status.PAID:
        raise Problem("not_reversible", "What this entry paid is not paid any more.", status=409)
    made = _enter(
        Kind.REVERSAL,
        actor,
        reason,
        entry.player_id,
        -entry.amount,
        completions=-entry.completions,
        season=entry.season_id,
        completion=completion,
        becomes=Status.REVERSED,
        reverses=entry.pk,
    )
    if completion:
        quota.release(completion.pk)
    return made


@retried
def hold_completion(*, completion: Completion, reason: str, actor: User) -> LedgerEntry:
    """Take what was paid back until somebody has looked at it. Problem (409) `not_paid`."""
    completion = _locked(completion.pk)
    if completion.status != Status.PAID:
        raise Problem("not_paid", "Only what is paid can be held.", status=409)
    return _enter(
        Kind.HOLD,
        actor,
        reason,
        completion.player_id,
        -completion.xp,
        completions=-1,
        season=season_of(completion),
        completion=completion,
        becomes=Status.HELD,
    )


@retried
def release_completion(*, completion: Completion, reason: str, actor: User) -> LedgerEntry:
    """Pay what is held. Problem (409) `not_held`."""
    completion = _locked_held(completion)
    return _enter(
        Kind.RELEASE,
        actor,
        reason,
        completion.player_id,
        completion.xp,
        completions=1,
        season=season_of(completion),
        completion=completion,
        becomes=Status.PAID,
    )


@retried
def reverse_held(*, completion: Completion, reason: str, actor: User) -> None:
    """Never pay what is held. Problem (409) `not_held`."""
    reason = _checked(reason)
    completion = _locked_held(completion)
    _settle(completion, Status.REVERSED, reason)
    quota.release(completion.pk)
    audit.record(
        actor=actor, action="xp.never_paid", subject=f"completion {completion.public_id}",
        reason=reason,
    )  # fmt: skip
    outbox.announce(
        kind=OutboxEvent.Kind.COMPLETION_REVERSED,
        player_id=completion.player_id,
        payload={"completionId": str(completion.public_id), "reason": reason},
    )
    announce_people_after_commit(completion.player_id)


def _locked(completion_id: int) -> Completion:
    return Completion.objects.select_for_update().get(pk=completion_id)


def _locked_held(completion: Completion) -> Completion:
    completion = _locked(completion.pk)
    if completion.status != Status.HELD:
        raise Problem("not_held", "This completion is not held.", status=409)
    return completion


def season_of(completion: Completion) -> int | None:
    """That of what was entered for it, whatever became of the quest; else the quest's own."""
    last = completion.entries.order_by("-pk").first()
    return last.season_id if last else completion.quest.season_id


def _settle(completion: Completion, status: Completion.Status, reason: str) -> None:
    completion.status = status
    completion.reason = "" if status == Status.PAID else reason
    completion.save(update_fields=["status", "reason"])


def _enter(
    kind: LedgerEntry.Kind,
    actor: User,
    reason: str,
    player_id: int,
    amount: int,
    *,
    completions: int = 0,
    season: int | None = None,
    completion: Completion | None = None,
    becomes: Completion.Status = Status.PAID,
    reverses: int | None = None,
) -> LedgerEntry:
    """The entry, its event, its audit row, what its completion becomes, and the badges that it
    gives or takes: those look at the completion too, so they come after it."""
    reason = _checked(reason)
    public_id = uuid4()
    made = statement.insert_correction(
        public_id=public_id,
        player=player_id,
        season=season,
        kind=kind.value,
        amount=amount,
        completions=completions,
        completion=completion.pk if completion else None,
        reverses=reverses,
        actor=actor.pk,
        reason=reason,
        payload=_payload(public_id, kind, amount, completion),
    )
    if completion:
        _settle(completion, becomes, reason)
    achievements.recompute([player_id])
    audit.record(
        actor=actor, action=f"xp.{kind.value}", subject=f"entry {public_id}", reason=reason,
        player=player_id, amount=amount,
    )  # fmt: skip
    announce_people_after_commit(player_id)
    live.announce_xp_after_commit(player_id)
    return LedgerEntry.objects.get(pk=made.entry)


def _checked(reason: str) -> str:
    reason = reason.strip()
    if not 0 < len(reason) <= 500:
        detail = "A correction needs a reason of at most 500 characters."
        raise Problem("reason_needed", detail, status=400)
    return reason


def _payload(
    public_id: UUID, kind: LedgerEntry.Kind, amount: int, completion: Completion | None
) -> str:
    return json.dumps({
        "entryId": str(public_id),
        "kind": kind.value,
        "amount": amount,
        "completionId": str(completion.public_id) if completion else None,
    })  # fmt: skip
