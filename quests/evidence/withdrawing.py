"""Taking back: evidence that is not true any more counts no more, and what was paid for it alone is
reversed, with the reason."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from accounts.house import house_account
from monitoring.postgresql.retries import retried
from monitoring.wire.problems import Problem
from quests.completions.correcting import reverse_entry, reverse_held
from quests.definitions import QuestDefinition, definition_at
from quests.evidence.verifying import observed
from quests.models import Completion, Evidence, LedgerEntry
from quests.requirements import judging

Status = Completion.Status
_PAYING = (LedgerEntry.Kind.COMPLETION, LedgerEntry.Kind.RELEASE)


def look_again(kind: str, ids: Sequence[Any]) -> int:
    """At the evidence of facts that have changed. Returns how many pieces were withdrawn."""
    known = Evidence.objects.filter(
        kind=kind, source_id__in=[str(id_) for id_ in ids], state=Evidence.State.VERIFIED
    ).order_by("player", "quest", "pk")
    reasons = observed(kind).spoiled(list(known))
    return sum(
        withdraw(evidence_id=row.pk, reason=reasons[row.pk]) for row in known if row.pk in reasons
    )


@retried
def withdraw(*, evidence_id: int, reason: str) -> bool:
    """Whether it counted until now. Locks the completion first, as every correction does."""
    completion = _locked(Evidence.objects.get(pk=evidence_id).completion_id)
    row = Evidence.objects.select_for_update(of=["self"]).get(pk=evidence_id)
    if completion is None:
        completion = _locked(row.completion_id)  # it was consumed while we came
    if row.state != Evidence.State.VERIFIED:
        return False
    row.state, row.review_note = Evidence.State.WITHDRAWN, reason
    row.version += 1
    row.save(update_fields=["state", "review_note", "version"])
    if completion and not _is_replaced(completion):
        _take_back(completion, reason)
    return True


def _locked(completion_id: int | None) -> Completion | None:
    if completion_id is None:
        return None
    return Completion.objects.select_for_update().get(pk=completion_id)


def _is_replaced(completion: Completion) -> bool:
    """Whether what else is known of the player, by the time she completed it, is enough by the
    quest as it was then: then that speaks for the completion."""
    quest = definition_at(completion.quest, completion.quest_version)
    mine = Evidence.objects.filter(player=completion.player, quest=completion.quest)
    rows = mine.filter(period=completion.period, state=Evidence.State.VERIFIED)
    held = list(_counting(rows, completion))
    found = _judge_as_free(quest, held)
    if not all(verdict.judgement.is_met for verdict in found):
        return False
    used = {pk for verdict in found for pk in verdict.judgement.used}
    spare = mine.filter(completion=completion, state=Evidence.State.VERIFIED)
    spare.exclude(pk__in=used).update(completion=None)
    mine.filter(pk__in=used).update(completion=completion)
    return True


def _counting(rows: "QuerySet[Evidence]", completion: Completion) -> "QuerySet[Evidence]":
    known = rows.filter(completion=completion) | rows.filter(
        completion=None, occurred_at__lte=completion.completed_at
    )
    return known.order_by("occurred_at", "pk")


def _judge_as_free(quest: QuestDefinition, rows: Sequence[Evidence]) -> list[judging.Verdict]:
    for row in rows:
        row.completion_id = None
    by_step = {
        step.key: [row for row in rows if (row.step, row.kind) == (step.key, step.kind)]
        for step in quest.steps
    }
    return judging.verdicts(quest, by_step)


def _take_back(completion: Completion, reason: str) -> None:
    """Problems of a completion that is reversed already are no news."""
    house = house_account()
    try:
        if completion.status == Status.HELD:
            reverse_held(completion=completion, reason=reason, actor=house)
        elif completion.status == Status.PAID:
            paid = completion.entries.filter(kind__in=_PAYING, reversed_by=None).order_by("-pk")
            reverse_entry(entry=paid[0], reason=reason, actor=house)
    except Problem as problem:
        if problem.code not in {"already_reversed", "not_reversible", "not_held"}:
            raise
