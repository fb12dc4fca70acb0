"""What can be imported: one file a format, and this table."""

from collections.abc import Mapping
from itertools import islice
from types import MappingProxyType

from links.transfer.formats import bitly, kutt, native, shlink, yourls
from links.transfer.records import MAX_BYTES, MAX_ROWS
from links.transfer.rows import ImportRow, Parser
from monitoring.wire.problems import Problem

FORMATS: Mapping[str, Parser] = MappingProxyType(
    {
        "csv": native.parse,
        "bitly": bitly.parse,
        "yourls": yourls.parse,
        "kutt": kutt.parse,
        "shlink": shlink.parse,
    }
)


def read_rows(name: str, raw: bytes) -> list[ImportRow]:
    """The rows of a file. A Problem is about the file as a whole; a row that cannot be read is
    among the others, with its reasons."""
    parse = FORMATS.get(name)
    if parse is None:
        raise Problem("unknown_format", f"Known formats are {', '.join(FORMATS)}.")
    if len(raw) > MAX_BYTES:
        megabytes = MAX_BYTES // 1024 // 1024
        raise Problem("import_too_large", f"A file has at most {megabytes} MB.", status=413)
    rows = list(islice(parse(raw), MAX_ROWS + 1))
    if len(rows) > MAX_ROWS:
        raise Problem(
            "import_too_long", f"A file has at most {MAX_ROWS:,} links: split it.", status=413
        )
    return rows
