"""Single values as they stand in a file: how they are read, and how our own are written."""

import csv
import io
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from links.fields import refusal
from monitoring.wire.parsers import parse_json
from monitoring.wire.problems import Problem

# A spreadsheet takes a cell that begins like this for a formula and may run it. An apostrophe in
# front makes it a text; cells that have both already get one more, so that it can be taken away.
_FORMULA = re.compile(r"'*(?:\s*[=+\-@＝＋－＠]|[\t\r\n])")  # noqa: RUF001 - full-width ones too


def shield(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def unshield(text: str) -> str:
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def write_line(cells: Iterable[str]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerow([shield(cell) for cell in cells])
    return buffer.getvalue()


def write_tags(tags: list[str]) -> str:
    """A line of CSV inside the cell: a tag may hold a comma itself."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="").writerow(tags)
    return buffer.getvalue()


def read_tags(text: str, field: str = "tags") -> list[str]:
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        raise refusal(field, "malformed_csv", "Tags are separated by commas.") from None
    return [tag for line in lines for tag in line]


def write_moment(moment: datetime | None) -> str:
    """To the microsecond, unlike the API: what is read back must be what was there."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else ""


def read_moment(text: str, field: str) -> datetime | None:
    """ISO 8601; without a time zone it is UTC."""
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        moment = datetime.min.replace(tzinfo=UTC)
    if moment.year < 1970:
        raise refusal(field, "invalid_time", "A time looks like 2031-01-02T03:04:05Z.")
    return moment


def read_count(text: str, field: str) -> int | None:
    """A whole number from 1, or nothing."""
    if not text.strip():
        return None
    # The length first: a million digits are not worth turning into a number.
    if len(text.strip()) > 10 or not re.fullmatch(r"[0-9]+", text.strip()) or int(text) < 1:
        raise refusal(field, "invalid_number", "This is not a whole number above zero.")
    return int(text)


def read_flag(text: str, field: str) -> bool:
    flag = {"true": True, "false": False, "": False}.get(text.strip().lower())
    if flag is None:
        raise refusal(field, "invalid_flag", "This is either true or false.")
    return flag


def read_structure(text: str, field: str, shape: type) -> Any:
    """JSON in a cell; nothing stands for an empty one."""
    if not text.strip():
        return shape()
    try:
        value = parse_json(text.encode())
    except Problem as problem:
        raise refusal(field, problem.code, str(problem.detail)) from None
    if not isinstance(value, shape):
        raise refusal(field, "invalid_structure", "This is JSON of another shape.")
    return value


def write_structure(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if value else ""
