"""Kutt: the JSON of `GET /api/v2/links`, or its table `links` as CSV."""

from collections.abc import Iterator

from links.services import LinkFields
from links.transfer import cells, foreign
from links.transfer.records import Record, read_records
from links.transfer.rows import ImportRow
from monitoring.wire.problems import Problem


def parse(raw: bytes) -> Iterator[ImportRow]:
    for record in read_records(raw, "target"):
        yield foreign.build_row(
            record,
            address=(record.text("domain"), record.text("address")),
            url=record.text("target"),
            # True in the API's answer, a hash in the table.
            has_password=record.text("password") not in {"", "false", "f", "0"},
            read=_fields,
        )


def _fields(record: Record) -> LinkFields:
    if record.flag("banned"):
        raise Problem("banned_at_source", "Kutt had banned this link.")
    return {
        "description": foreign.description(record.text("description")),
        "expires_at": cells.read_moment(record.text("expirein"), "expiresAt"),
    }
