"""YOURLS, which has no export of its own: the table `yourls_url` as CSV (keyword, url, title,
timestamp, ip, clicks), the Import-Export plugin's CSV (source, target, hits), or the JSON of its
API's `stats`."""

from collections.abc import Iterator

from links.services import LinkFields
from links.transfer import foreign
from links.transfer.records import Record, read_records
from links.transfer.rows import ImportRow

_URL = ("url", "target", "longurl")


def parse(raw: bytes) -> Iterator[ImportRow]:
    for record in read_records(raw, *_URL):
        yield foreign.build_row(
            record, address=_address(record), url=record.text(*_URL), read=_fields
        )


def _address(record: Record) -> tuple[str, str]:
    """The plugin writes a keyword as a path: `/keyword/`."""
    keyword = record.text("keyword", "source").strip("/")
    return ("", keyword) if keyword else foreign.split_address(record.text("shorturl"))


def _fields(record: Record) -> LinkFields:
    return {"title": foreign.title(record.text("title"))}
