"""Single clicks, newest first, as operators read them. Event ids are in order of time, so the
primary key alone gives the order, and `before` is a place in it that new clicks do not move."""

from datetime import UTC, datetime
from uuid import UUID

from django.db.models import QuerySet

from links.models import Click, Link
from links.redirect.click import moment_of
from links.slugs import slug_key


def newest_clicks(*, slug: str = "", bots: bool | None = None, before: str = "") -> QuerySet[Click]:
    """Of the links with this slug, on any domain; `bots` None means everybody."""
    clicks = Click.objects.order_by("-event_id")
    if slug:
        links = Link.objects.filter(slug_key=slug_key(slug)).values_list("pk", flat=True)
        clicks = clicks.filter(link_id__in=list(links))
    if bots is not None:
        clicks = clicks.filter(is_bot=bots)
    if place := _place(before):
        # The time says no more than the id does, but spares the partitions that lie after it.
        clicks = clicks.filter(event_id__lt=place[0], at__lte=place[1])
    return clicks


def _place(before: str) -> tuple[UUID, datetime] | None:
    try:
        event_id = UUID(before)
        return event_id, datetime.fromtimestamp(moment_of(event_id.bytes) / 1000, UTC)
    except (ValueError, OverflowError):
        return None
