"""Our own CSV: what `export_csv` writes, or a part of its columns; only `url` must be there.

An empty cell empties its field; a column that is left out leaves it as it is.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, cast

from django.conf import settings

from links.fields import refusal
from links.models import RedirectStatus
from links.services import LinkFields
from links.transfer import cells
from links.transfer.records import Record, bare, header_of, read_records
from links.transfer.rows import ImportRow, reasons_of
from monitoring.wire.problems import Problem


class Column(NamedTuple):
    """`read` takes the cell and the column's name, for its refusals."""

    name: str
    field: str
    write: Callable[[Any], str]
    read: Callable[[str, str], Any]


def _as_it_is(text: str, _: str) -> str:
    return text


def _stripped(text: str, _: str) -> str:
    return text.strip()


def _write_count(count: int | None) -> str:
    return "" if count is None else str(count)


def _write_flag(flag: bool) -> str:  # noqa: FBT001 - a cell's value, called as one
    return str(flag).lower()


def _read_status(text: str, field: str) -> int:
    return cells.read_count(text, field) or RedirectStatus.FOUND.value


def _structure(shape: type) -> Callable[[str, str], Any]:
    return lambda text, field: cells.read_structure(text, field, shape)


COLUMNS = (
    Column("title", "title", str, _as_it_is),
    Column("description", "description", str, _as_it_is),
    Column("tags", "tags", cells.write_tags, cells.read_tags),
    Column("startsAt", "starts_at", cells.write_moment, cells.read_moment),
    Column("expiresAt", "expires_at", cells.write_moment, cells.read_moment),
    Column("expiredUrl", "expired_url", str, _stripped),
    Column("maxClicks", "max_clicks", _write_count, cells.read_count),
    Column("maxClicksPerMinute", "max_clicks_per_minute", _write_count, cells.read_count),
    Column("redirectStatus", "redirect_status", _write_count, _read_status),
    Column("forwardQuery", "forward_query", _write_flag, cells.read_flag),
    Column("crawlable", "crawlable", _write_flag, cells.read_flag),
    Column("utm", "utm", cells.write_structure, _structure(dict)),
    Column("rules", "rules", cells.write_structure, _structure(list)),
    Column("variants", "variants", cells.write_structure, _structure(list)),
)
IDENTITY = ("slug", "domain", "url")
# Neither is a field, so neither has a Column: a campaign is a row of its own, a password is not
# exported.
RELATED = ("campaign", "hasPassword")
# For the reader of the file; an import passes them by.
INFORMATION = ("shortUrl", "clicks", "createdAt")
_KNOWN = {
    bare(name) for name in (*IDENTITY, *(column.name for column in COLUMNS), *RELATED, *INFORMATION)
}


def parse(raw: bytes) -> Iterator[ImportRow]:
    unknown = [name for name in header_of(raw) if name and bare(name) not in _KNOWN]
    if unknown:
        names = ", ".join(name[:40] for name in unknown[:5])
        raise Problem("unknown_column", f"These columns are not known: {names}.")
    for record in read_records(raw, "url"):
        yield _row(record)


def _row(record: Record) -> ImportRow:
    slug, domain, url = (_cell(record, name).strip() for name in IDENTITY)
    row = ImportRow(line=record.line, slug=slug, domain=domain, url=url)
    try:
        _check(record, domain)
        return replace(
            row,
            campaign=_cell(record, "campaign").strip() if "campaign" in record.values else None,
            has_password=cells.read_flag(_cell(record, "hasPassword"), "hasPassword"),
            fields=_fields(record),
        )
    except Problem as problem:
        return replace(row, reasons=reasons_of(problem))


def _check(record: Record, domain: str) -> None:
    if record.is_ragged:
        raise Problem("ragged_line", "This line has more cells than the header.")
    if domain and domain not in settings.LINK_DOMAINS:
        raise refusal("domain", "unknown_domain", f"“{domain}” is not served here.")


def _fields(record: Record) -> LinkFields:
    there = (column for column in COLUMNS if bare(column.name) in record.values)
    return cast(
        "LinkFields",
        {column.field: column.read(_cell(record, column.name), column.name) for column in there},
    )


def _cell(record: Record, name: str) -> str:
    return cells.unshield(str(record.values.get(bare(name), "")))
