"""Looking at what players sent in: approve or reject, once, with a note for the player."""

from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone

from accounts.models import User
from monitoring.wire.problems import Problem
from quests import audit, outbox
from quests.models import Evidence, OutboxEvent, Proof, Quest

State = Evidence.State


def waiting(*, quest: Quest | None = None) -> "QuerySet[Evidence]":
    """The queue, oldest first, with what a reviewer needs to see."""
    queue = Evidence.objects.filter(state=State.PENDING).select_related(
        "player", "quest", "proof", "proof__duplicate_of__player"
    )
    # An image is read when somebody downloads it, not with every page of the queue.
    queue = queue.defer("proof__image").order_by("created_at", "pk")
    return queue.filter(quest=quest) if quest else queue


def approve(
    *, evidence: Evidence, actor: User, note: str = "", expected_version: int | None = None
) -> Evidence:
    """Problems: `already_reviewed` (409, says how), `version_stale` (412)."""
    return _decide(evidence, State.VERIFIED, actor, note, expected_version)


def reject(
    *, evidence: Evidence, actor: User, note: str, expected_version: int | None = None
) -> Evidence:
    """The player may send something else. Problem (400) `reason_needed` without a note."""
    if not note.strip():
        raise Problem("reason_needed", "Say why, for the player to read.", status=400)
    return _decide(evidence, State.REJECTED, actor, note, expected_version)


@transaction.atomic
def _decide(
    evidence: Evidence, state: Evidence.State, actor: User, note: str, expected: int | None
) -> Evidence:
    evidence = Evidence.objects.select_for_update().get(pk=evidence.pk)
    if evidence.state != State.PENDING:
        detail = f"This was {evidence.get_state_display()} before."
        raise Problem("already_reviewed", detail, status=409, state=evidence.state)
    if expected is not None and evidence.version != expected:
        raise Problem("version_stale", "This has changed. Look at it again.", status=412)
    evidence.state, evidence.review_note = state, note.strip()[:500]
    evidence.reviewed_by, evidence.reviewed_at = actor, timezone.now()
    evidence.version += 1
    evidence.save()
    _announce(evidence)
    audit.record(
        actor=actor, action=f"proof.{state.value}", subject=f"evidence {evidence.public_id}",
        reason=evidence.review_note,
    )  # fmt: skip
    return evidence


def _announce(evidence: Evidence) -> None:
    outbox.announce(
        kind=OutboxEvent.Kind.EVIDENCE_REVIEWED,
        player_id=evidence.player_id,
        payload={
            "evidenceId": str(evidence.public_id),
            "questNumber": evidence.quest.number,
            "stepId": evidence.step,
            "state": evidence.state,
            "note": evidence.review_note,
        },
    )


class Image(NamedTuple):
    content: bytes
    headers: dict[str, str]


def image_of(evidence: Evidence) -> Image:
    """To be saved, never shown in place: it came from a stranger. Http404 without an image."""
    proof = Proof.objects.filter(evidence=evidence, form=Proof.Form.IMAGE).first()
    if proof is None or proof.image is None:
        raise Http404
    kind = proof.content_type.removeprefix("image/")
    return Image(
        bytes(proof.image),
        {
            "Content-Disposition": f'attachment; filename="proof-{evidence.public_id}.{kind}"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, no-store",
        },
    )
