"""Storing what a target says about itself, where its owner said nothing."""

import structlog
from django.db import transaction
from django.db.models import Case, F, Q, TextField, Value, When
from django.db.models.expressions import Combinable
from django.utils import timezone

from links import events
from links.metadata.errors import MetadataError
from links.metadata.fetching import fetch_metadata
from links.metadata.page import Metadata
from links.models import Link
from monitoring.outbound import Connector

log = structlog.get_logger(__name__)


def refresh_metadata(link_id: int, *, connector: Connector | None = None) -> bool:
    """Fetch what is missing and store it; whether anything was. No transaction is open while the
    target is asked. Doing it twice is harmless."""
    missing = Q(title="") | Q(description="") | Q(favicon_url="")
    link = Link.objects.filter(missing, pk=link_id, deleted_at=None).only("url").first()
    if link is None:
        return False
    try:
        metadata = fetch_metadata(link.url, connector=connector)
    except MetadataError as error:
        log.info("metadata_not_fetched", link_id=link_id, code=error.code)
        return False
    return store_metadata(link_id=link_id, url=link.url, metadata=metadata)


@transaction.atomic
def store_metadata(*, link_id: int, url: str, metadata: Metadata) -> bool:
    """Fill the empty fields of the link, unless it leads elsewhere than `url` by now."""
    found = {name: value for name, value in metadata._asdict().items() if value}
    fillable = Q(*((name, "") for name in found), _connector=Q.OR)
    changed = found and Link.objects.filter(fillable, pk=link_id, url=url, deleted_at=None).update(
        **{name: _unless_filled(name, value) for name, value in found.items()},
        version=F("version") + 1,
        updated_at=timezone.now(),
    )
    if changed:
        link = Link.objects.only("domain", "slug_key", "version").get(pk=link_id)
        events.announce_after_commit(link)
    return bool(changed)


def _unless_filled(name: str, value: str) -> Combinable:
    """In the statement itself, so that an owner who is typing at this moment is not overruled."""
    filled = When(**{name: ""}, then=Value(value))
    return Case(filled, default=F(name), output_field=TextField())
