"""Links as our CSV, which imports back to the same links, MAX_ROWS at a time."""

from collections.abc import Iterator

from django.db.models import QuerySet

from links.models import Link
from links.transfer import cells
from links.transfer.formats.native import COLUMNS, IDENTITY, INFORMATION, RELATED

_CHUNK = 1_000


def export_csv(links: QuerySet[Link]) -> Iterator[str]:
    """A line at a time, over a cursor of the database: no number of links is too many. Who may
    see which links, and whether tombstones are among them, is the caller's business."""
    yield cells.write_line(
        [*IDENTITY, *(column.name for column in COLUMNS), *RELATED, *INFORMATION]
    )
    chosen = links.select_related("campaign").defer("search")
    for link in chosen.iterator(chunk_size=_CHUNK):
        yield cells.write_line(_cells(link))


def _cells(link: Link) -> Iterator[str]:
    yield from (link.slug, link.domain, link.url)
    for column in COLUMNS:
        yield column.write(getattr(link, column.field))
    yield link.campaign.name if link.campaign else ""
    yield str(link.has_password).lower()
    yield from (link.short_url, str(link.click_count), cells.write_moment(link.created_at))
