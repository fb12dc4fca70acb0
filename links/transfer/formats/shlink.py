"""Shlink: the CSV that its web client exports (createdAt, domain, shortCode, shortUrl, longUrl,
title, tags, visits), the one that it imports, or the JSON of `GET /rest/v3/short-urls`."""

from collections.abc import Iterator
from urllib.parse import unquote

from links.services import LinkFields
from links.transfer import cells, foreign
from links.transfer.records import Record, bare, read_records
from links.transfer.rows import ImportRow


def parse(raw: bytes) -> Iterator[ImportRow]:
    for record in read_records(raw, "longurl"):
        yield foreign.build_row(
            record,
            address=(record.text("domain"), unquote(record.text("shortcode"))),
            url=record.text("longurl"),
            read=_fields,
        )


def _fields(record: Record) -> LinkFields:
    limits = _limits(record)
    return {
        "title": foreign.title(record.text("title")),
        "tags": foreign.tags(record.values.get("tags"), "|"),
        "crawlable": record.flag("crawlable"),
        "forward_query": record.flag("forwardquery"),
        "starts_at": cells.read_moment(limits.text("validsince"), "startsAt"),
        "expires_at": cells.read_moment(limits.text("validuntil"), "expiresAt"),
        "max_clicks": cells.read_count(limits.text("maxvisits"), "maxClicks"),
    }


def _limits(record: Record) -> Record:
    """Only the API tells of them, under `meta`."""
    meta = record.values.get("meta")
    inside = meta if isinstance(meta, dict) else {}
    return Record(record.line, {bare(name): value for name, value in inside.items()})
