"""A second look at what was not paid: a player asks for it once, an operator decides it once."""

from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from monitoring.postgresql.retries import retried
from monitoring.wire.problems import Problem
from quests import audit, outbox
from quests.completions import correcting
from quests.models import Appeal, Completion, LedgerEntry, OutboxEvent, Season

MAX_TEXT = 2_000
# It goes into the ledger as a reason, with a few words around it.
MAX_NOTE = 400
State = Appeal.State
Status = Completion.Status


class _Locked(NamedTuple):
    appeal: Appeal
    completion: Completion


@transaction.atomic
def appeal(*, player: User, completion: Completion, text: str) -> Appeal:
    """Problems: `completion_not_found` (404) for somebody else's, `text_invalid` (400),
    `nothing_to_appeal`, `already_appealed` (409, with its `state`)."""
    completion = Completion.objects.select_for_update().get(pk=completion.pk)
    if completion.player_id != player.pk:
        raise Problem("completion_not_found", "You have no such completion.", status=404)
    known = Appeal.objects.filter(completion=completion).first()
    if known:
        detail = f"You have appealed before; that is {known.get_state_display()}."
        raise Problem("already_appealed", detail, status=409, state=known.state)
    if completion.status == Status.PAID:
        raise Problem("nothing_to_appeal", "This completion is paid.", status=409)
    return Appeal.objects.create(completion=completion, player=player, text=_checked_text(text))


@retried
def grant(*, appeal: Appeal, actor: User, note: str, expected_version: int | None = None) -> Appeal:
    """What is held is released. A reversal stands, since the ledger takes an entry back once and
    never a correction: its XP is awarded, linked as `entry`, and the completion stays reversed.

    Problems: `reason_needed` (400), `appeal_decided` (409, with its `state`), `version_stale`
    (412), `season_closed` (409) when it was closed just now.
    """
    note = _checked_note(note)
    found = _locked(appeal, expected_version)
    entry = _paid(found.completion, actor, f"Appeal granted: {note}")
    return _decide(found, State.GRANTED, actor, note, entry)


@retried
def decline(
    *, appeal: Appeal, actor: User, note: str, expected_version: int | None = None
) -> Appeal:
    """It stays as it is. Problems: those of `grant`, but of no season."""
    note = _checked_note(note)
    return _decide(_locked(appeal, expected_version), State.DECLINED, actor, note, None)


def waiting() -> "QuerySet[Appeal]":
    """The queue, oldest first, with what an operator needs to see."""
    queue = Appeal.objects.filter(state=State.OPEN).order_by("created_at", "pk")
    return queue.select_related("player", "completion__quest", "entry")


def appeals_of(player: User) -> "QuerySet[Appeal]":
    mine = Appeal.objects.filter(player=player).order_by("-created_at", "-pk")
    return mine.select_related("player", "completion__quest", "entry")


def _locked(appeal: Appeal, expected_version: int | None) -> _Locked:
    """The completion first, as whoever corrects it does."""
    completion = Completion.objects.select_for_update().get(pk=appeal.completion_id)
    appeal = Appeal.objects.select_for_update().get(pk=appeal.pk)
    if appeal.state != State.OPEN:
        detail = f"This appeal was {appeal.get_state_display()} before."
        raise Problem("appeal_decided", detail, status=409, state=appeal.state)
    if expected_version is not None and appeal.version != expected_version:
        raise Problem("version_stale", "This has changed. Look at it again.", status=412)
    return _Locked(appeal, completion)


def _paid(completion: Completion, actor: User, reason: str) -> LedgerEntry | None:
    """None when there is nothing to pay: of 0 XP, or released since."""
    if completion.status == Status.HELD:
        return correcting.release_completion(completion=completion, reason=reason, actor=actor)
    if completion.status == Status.PAID or not completion.xp:
        return None
    # That of what was paid, wherever the quest belongs by now.
    season = _open_season(correcting.season_of(completion))
    return correcting.award(
        player=completion.player,
        amount=completion.xp,
        reason=reason,
        actor=actor,
        season=season,
    )


def _open_season(season_id: int | None) -> Season | None:
    return Season.objects.filter(pk=season_id or 0, closed_at=None).first()


def _decide(
    found: _Locked, state: Appeal.State, actor: User, note: str, entry: LedgerEntry | None
) -> Appeal:
    appeal = found.appeal
    appeal.state, appeal.note, appeal.entry = state, note, entry
    appeal.decided_by, appeal.decided_at = actor, timezone.now()
    appeal.version += 1
    appeal.save()
    outbox.announce(
        kind=OutboxEvent.Kind.APPEAL_DECIDED,
        player_id=appeal.player_id,
        payload={
            "appealId": str(appeal.public_id),
            "completionId": str(found.completion.public_id),
            "state": state.value,
            "note": note,
            "entryId": str(entry.public_id) if entry else None,
        },
    )
    audit.record(
        actor=actor, action=f"appeal.{state.value}", subject=f"appeal {appeal.public_id}",
        reason=note, completion=str(found.completion.public_id),
    )  # fmt: skip
    return appeal


def _checked_text(text: str) -> str:
    text = text.strip()
    if not 0 < len(text) <= MAX_TEXT:
        detail = f"Say in at most {MAX_TEXT:,} characters why it should be paid."
        errors = [{"field": "text", "message": detail}]
        raise Problem("text_invalid", detail, status=400, errors=errors)
    return text


def _checked_note(note: str) -> str:
    note = note.strip()
    if not 0 < len(note) <= MAX_NOTE:
        detail = f"Say why, in at most {MAX_NOTE} characters, for the player to read."
        raise Problem("reason_needed", detail, status=400)
    return note
