"""What an import would do, row by row. Nothing is written here."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import reduce
from itertools import islice
from operator import or_
from typing import Any, NamedTuple, cast
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q

from accounts.models import User
from links.fields import clean_slug
from links.models import Link
from links.services import LinkFields
from links.slugs import slug_key
from links.transfer.rows import ImportRow, Reason, reasons_of
from links.transfer.validation import clean_row
from monitoring.wire.casing import camel
from monitoring.wire.problems import Problem

# One query looks for the links of so many rows.
_CHUNK = 1_000


class Action(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    INVALID = "invalid"


class Change(NamedTuple):
    """`field` is a name of the API; a campaign is told by its name."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRow:
    """What becomes of a row, and why. `link_id` is the public id of the link that is there."""

    line: int
    slug: str
    domain: str
    url: str
    action: Action
    reasons: tuple[Reason, ...] = ()
    changes: tuple[Change, ...] = ()
    link_id: UUID | None = None

    @property
    def is_refused(self) -> bool:
        return self.action in {Action.CONFLICT, Action.INVALID}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    rows: tuple[PlannedRow, ...]

    @property
    def counts(self) -> dict[Action, int]:
        """How many rows each action has; every action is there."""
        return dict.fromkeys(Action, 0) | Counter(row.action for row in self.rows)


@dataclass(frozen=True, slots=True)
class Step:
    """A planned row and what carrying it out needs. `fields` are those that differ."""

    planned: PlannedRow
    link: Link | None = None
    fields: LinkFields | None = None
    campaign: str | None = None


def plan_import(owner: User, rows: Iterable[ImportRow]) -> ImportPlan:
    return ImportPlan(rows=tuple(step.planned for step in plan_steps(owner, rows)))


def plan_steps(owner: User, rows: Iterable[ImportRow]) -> Iterator[Step]:
    """Lazily, a chunk at a time: the links that are compared are not all in memory at once."""
    lines: dict[tuple[str, str], int] = {}
    remaining = iter(rows)
    while chunk := list(islice(remaining, _CHUNK)):
        existing = _existing_links(chunk)
        for row in chunk:
            key = (row.domain, slug_key(row.slug))
            if row.slug and key in lines:
                yield _repeated(row, lines[key])
                continue
            step = _plan_row(owner, row, existing.get(key))
            if not step.planned.is_refused:
                lines[key] = row.line
            yield step


def _existing_links(rows: list[ImportRow]) -> dict[tuple[str, str], Link]:
    keys: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        # What cannot be a slug cannot be one that is there, and may not be fit for a query.
        if row.slug and not _slug_reasons(row.slug):
            keys[row.domain].append(slug_key(row.slug))
    if not keys:
        return {}
    wanted = reduce(or_, (Q(domain=domain, slug_key__in=some) for domain, some in keys.items()))
    links = Link.objects.filter(wanted).select_related("campaign").defer("search")
    return {(link.domain, link.slug_key): link for link in links}


def _plan_row(owner: User, row: ImportRow, existing: Link | None) -> Step:
    planned = PlannedRow(
        line=row.line, slug=row.slug, domain=row.domain, url=row.url, action=Action.INVALID
    )
    if reasons := row.reasons or _slug_reasons(row.slug):
        return Step(replace(planned, reasons=reasons))
    if existing and (conflict := _conflict(owner, existing)):
        return Step(replace(planned, action=Action.CONFLICT, reasons=(conflict,)))
    try:
        fields = clean_row(row, existing)
    except Problem as problem:
        return Step(replace(planned, reasons=reasons_of(problem)))
    planned = replace(planned, url=fields["url"])
    if existing is None:
        return Step(replace(planned, action=Action.CREATE), None, fields, row.campaign)
    return _compare(planned, existing, fields, row.campaign)


def _compare(planned: PlannedRow, link: Link, fields: LinkFields, campaign: str | None) -> Step:
    differing = {
        name: value
        for name, value in fields.items()
        if _as_stored(value) != _as_stored(getattr(link, name))
    }
    changes = [Change(camel(name), getattr(link, name), differing[name]) for name in differing]
    present = link.campaign.name if link.campaign else ""
    if campaign is not None and campaign.lower() != present.lower():
        changes.append(Change("campaign", present, campaign))
    else:
        campaign = None
    action = Action.UPDATE if changes else Action.UNCHANGED
    planned = replace(planned, action=action, changes=tuple(changes), link_id=link.public_id)
    return Step(planned, link, cast("LinkFields", differing), campaign)


def _slug_reasons(slug: str) -> tuple[Reason, ...]:
    try:
        if slug:
            clean_slug(slug)
    except Problem as problem:
        return reasons_of(problem)
    return ()


def _conflict(owner: User, link: Link) -> Reason | None:
    if link.deleted_at is not None:
        return Reason("slug_retired", f"“{link.slug}” belonged to a link that was deleted.", "slug")
    if link.owner_id != owner.pk:
        return Reason("slug_taken", f"“{link.slug}” is taken.", "slug")
    return None


def _repeated(row: ImportRow, line: int) -> Step:
    reason = Reason("slug_repeated", f"Line {line} has this slug already.", "slug")
    return Step(
        PlannedRow(
            line=row.line,
            slug=row.slug,
            domain=row.domain,
            url=row.url,
            action=Action.CONFLICT,
            reasons=(reason,),
        )
    )


def _as_stored(value: Any) -> Any:
    """Lists and mappings as JSON gives them back: a tuple is a list there, a time a text."""
    if isinstance(value, list | dict):
        return json.loads(json.dumps(value, cls=DjangoJSONEncoder))
    return value
