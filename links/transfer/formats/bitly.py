"""Bitly: the CSV of the dashboard's export, or the JSON of `GET /v4/groups/{guid}/bitlinks`.

The columns are Link, Custom Link, Destination URL, Title, Tags in newer files, and Bitlink,
Custom Bitlink, Long URL in older ones.
"""

import re
from collections.abc import Iterator

from links.services import LinkFields
from links.transfer import foreign
from links.transfer.records import Record, read_records
from links.transfer.rows import ImportRow

_URL = ("longurl", "destinationurl", "longlink", "originalurl", "destination")
# The name that somebody chose comes before the one that Bitly made up.
_ADDRESS = (
    "custombitlinks",
    "custombitlink",
    "customlink",
    "bitlink",
    "link",
    "shortlink",
    "shorturl",
    "id",
)


def parse(raw: bytes) -> Iterator[ImportRow]:
    for record in read_records(raw, *_URL):
        yield foreign.build_row(
            record,
            # A link may have several names: the first will do.
            address=foreign.split_address(re.split(r"[,;\s]", record.text(*_ADDRESS).strip())[0]),
            url=record.text(*_URL),
            read=_fields,
        )


def _fields(record: Record) -> LinkFields:
    return {
        "title": foreign.title(record.text("title")),
        "tags": foreign.tags(record.values.get("tags"), ",;|"),
    }
