"""Making and changing seasons. How one ends: quests.authoring.services.close_season."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts.models import User
from monitoring.wire.problems import Problem
from quests import audit
from quests.models import Season

FIELDS = ("name", "description", "starts_at", "ends_at")


@transaction.atomic
def create_season(*, slug: str, actor: User, **fields: Any) -> Season:
    """Django's ValidationError names the field that is wrong, a slug that is taken among them."""
    season = Season(slug=slug, **fields)
    season.full_clean()
    season.save()
    audit.record(actor=actor, action="season.created", subject=f"season {slug}")
    return season


@transaction.atomic
def update_season(*, season: Season, actor: User, fields: Mapping[str, Any]) -> Season:
    """`fields` are some of FIELDS: the slug is what documents and addresses know it by, and stays.
    Problem (409) `season_closed`."""
    season = Season.objects.select_for_update().get(pk=season.pk)
    if season.closed_at:
        raise Problem("season_closed", "This season is closed, and stays as it is.", status=409)
    changed = sorted(name for name in FIELDS if name in fields)
    for name in changed:
        setattr(season, name, fields[name])
    season.full_clean()
    season.save(update_fields=changed)
    subject = f"season {season.slug}"
    audit.record(actor=actor, action="season.changed", subject=subject, fields=changed)
    return season
