"""Carrying an import out, through links.services."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import OperationalError, transaction
from psycopg.errors import DeadlockDetected

from accounts.models import User
from links.models import Campaign, Link
from links.services import create_campaign, create_link, update_link
from links.transfer.planning import (
    Action,
    ImportPlan,
    PlannedRow,
    Step,
    plan_import,
    plan_steps,
)
from links.transfer.rows import ImportRow, reasons_of
from monitoring.wire.problems import Problem

# The links of a file may meet those of a drain in another order: PostgreSQL then ends one of them.
TRIES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult(ImportPlan):
    """What was done; where nothing was, because one row was refused, what would have been."""

    applied: bool


def apply_import(
    owner: User, rows: Sequence[ImportRow], *, all_or_nothing: bool = False
) -> ImportResult:
    """Each row in a transaction of its own, so a refused one costs no other; or all in one."""
    if not all_or_nothing:
        return ImportResult(rows=_Import(owner).carry_out(rows), applied=True)
    for _ in range(TRIES - 1):
        try:
            return _apply_all(owner, rows)
        except OperationalError as error:
            if not isinstance(error.__cause__, DeadlockDetected):
                raise
    return _apply_all(owner, rows)


def _apply_all(owner: User, rows: Sequence[ImportRow]) -> ImportResult:
    plan = plan_import(owner, rows)
    if any(row.is_refused for row in plan.rows):
        return ImportResult(rows=plan.rows, applied=False)
    with transaction.atomic():
        done = _Import(owner).carry_out(rows)
        # Somebody else may have been faster with a slug since the plan was made.
        refused = any(row.is_refused for row in done)
        transaction.set_rollback(refused)
    return ImportResult(rows=_undone(plan, done) if refused else done, applied=not refused)


class _Import:
    def __init__(self, owner: User) -> None:
        self._owner = owner
        self._campaigns: dict[str, Campaign] = {
            campaign.name.lower(): campaign for campaign in owner.campaigns.all()
        }

    def carry_out(self, rows: Sequence[ImportRow]) -> tuple[PlannedRow, ...]:
        return tuple(self._carry_out(step) for step in plan_steps(self._owner, rows))

    def _carry_out(self, step: Step) -> PlannedRow:
        planned = step.planned
        if step.fields is None or planned.action not in {Action.CREATE, Action.UPDATE}:
            return planned
        try:
            with transaction.atomic():
                link = self._write(step)
        except Problem as problem:
            action = Action.CONFLICT if problem.status_code in {409, 410} else Action.INVALID
            return replace(planned, action=action, reasons=reasons_of(problem))
        if link.campaign:
            self._campaigns[link.campaign.name.lower()] = link.campaign
        return replace(planned, slug=link.slug, link_id=link.public_id)

    def _write(self, step: Step) -> Link:
        fields = step.fields.copy() if step.fields else {}
        if step.campaign is not None:
            fields["campaign"] = self._campaign(step.campaign)
        if step.link:
            return update_link(link=step.link, changed_by=self._owner, **fields)
        planned = step.planned
        return create_link(owner=self._owner, slug=planned.slug, domain=planned.domain, **fields)

    def _campaign(self, name: str) -> Campaign | None:
        """The owner's campaign of this name, made when there is none."""
        if not name:
            return None
        known = self._campaigns.get(name.lower())
        return known or create_campaign(owner=self._owner, name=name)


def _undone(plan: ImportPlan, done: Sequence[PlannedRow]) -> tuple[PlannedRow, ...]:
    pairs = zip(plan.rows, done, strict=True)
    return tuple(after if after.is_refused else before for before, after in pairs)
