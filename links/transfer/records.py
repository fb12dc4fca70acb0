"""The lines of a CSV file or the entries of a JSON file, as mappings by column name.

Shorteners rename their columns now and then ("Long URL", `long_url`, `longUrl`), so names are
compared by their letters and digits alone.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from monitoring.wire.parsers import parse_json
from monitoring.wire.problems import Problem

MAX_BYTES = 10 * 1024 * 1024
# A row costs up to 8 ms, and a proxy in between gives up after a minute.
MAX_ROWS = 5_000
_MAX_COLUMNS = 100
_DELIMITERS = ",;\t"
# Where an API's answer, saved as a file, keeps its list.
_LISTS = ("data", "links", "shorturls", "results")

# The csv module's own limit is far below what a link's rules may take, and is the process's.
csv.field_size_limit(MAX_BYTES)


class Record(NamedTuple):
    line: int
    values: Mapping[str, Any]
    # More cells than the header has names for: nobody can say which is which.
    is_ragged: bool = False

    def text(self, *names: str) -> str:
        """The first of these columns that says something. Of a list, its first entry."""
        return next((text for name in names if (text := _text(self.values.get(name)))), "")

    def flag(self, name: str) -> bool:
        return _text(self.values.get(name)).lower() in {"true", "t", "1", "yes"}


def read_records(raw: bytes, *needed: str) -> Iterator[Record]:
    """Every record of the file, which must have one of the columns `needed`."""
    text = _decode(raw)
    if text.lstrip()[:1] not in {"[", "{"}:
        _require(map(bare, header_of(raw)), needed)
        yield from _lines(text)
        return
    for number, record in enumerate(_entries(raw)):
        if number == 0:
            _require(record.values, needed)
        yield record


def _require(names: Iterable[str], needed: tuple[str, ...]) -> None:
    if set(needed).isdisjoint(names):
        raise Problem("column_missing", f"The file needs a column “{needed[0]}”.")


def header_of(raw: bytes) -> list[str]:
    """The column names of a CSV file, as they are spelled there."""
    text = _decode(raw)
    return _header(_reader(text))


def bare(name: str) -> str:
    """`Long URL`, `long_url` and `longUrl` are one name."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _decode(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Problem("invalid_encoding", "The file must be UTF-8.") from None
    if "\x00" in text:
        raise Problem("invalid_characters", "The file holds NUL characters: it is not text.")
    return text


def _lines(text: str) -> Iterator[Record]:
    reader = _reader(text)
    names = [bare(name) for name in _header(reader)]
    if repeated := {name for name in names if name and names.count(name) > 1}:
        shown = ", ".join(sorted(repeated))[:200]
        raise Problem("column_repeated", f"These columns stand there twice: {shown}.")
    while True:
        line = reader.line_num + 1
        cells = _next(reader)
        if cells is None:
            return
        if any(cells):
            yield Record(line, dict(zip(names, cells, strict=False)), len(cells) > len(names))


def _reader(text: str) -> Any:
    header = text.lstrip().partition("\n")[0]
    # Strict: a quote that is never closed would swallow the rest of the file as one cell.
    return csv.reader(
        io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=header.count), strict=True
    )


def _header(reader: Any) -> list[str]:
    while (cells := _next(reader)) is not None:
        if any(cells):
            break
    if not cells:
        raise Problem("file_empty", "The file has no lines.")
    if len(cells) > _MAX_COLUMNS:
        raise Problem("too_many_columns", f"A file has at most {_MAX_COLUMNS} columns.")
    return list(cells)


def _next(reader: Any) -> list[str] | None:
    line = reader.line_num + 1
    try:
        return next(reader, None)
    except csv.Error as error:
        raise Problem("malformed_csv", f"Line {line} is not CSV: {error}.") from None


def _entries(raw: bytes) -> Iterator[Record]:
    for number, entry in enumerate(_list_in(parse_json(raw.removeprefix(b"\xef\xbb\xbf"))), 1):
        if not isinstance(entry, dict):
            raise _no_list()
        yield Record(number, {bare(name): value for name, value in entry.items()})


def _list_in(content: Any) -> list[Any]:
    if isinstance(content, list):
        return content
    if not isinstance(content, dict):
        raise _no_list()
    inside = {bare(name): value for name, value in content.items()}
    for name in _LISTS:
        if name in inside:
            return _list_in(inside[name])
    if not inside:
        raise _no_list()
    # YOURLS numbers its entries instead: {"link_1": {...}, "link_2": {...}}.
    return list(content.values())


def _no_list() -> Problem:
    return Problem("no_list_found", "The file holds no list of links.")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return _text(value[0]) if value else ""
    if isinstance(value, bool):
        return "true" if value else ""
    return str(value) if isinstance(value, str | int) else ""
