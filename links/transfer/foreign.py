"""What the exports of other shorteners have in common.

What they do not say is left as it is, so that importing a file a second time does not undo what
was edited here since.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast
from urllib.parse import unquote

from django.conf import settings

from links.fields import MAX_TAGS, refusal
from links.models import Link
from links.services import LinkFields
from links.transfer.records import Record
from links.transfer.rows import ImportRow, reasons_of
from monitoring.wire.problems import Problem


def build_row(
    record: Record,
    *,
    address: tuple[str, str],
    url: str,
    read: Callable[[Record], LinkFields],
    has_password: bool = False,
) -> ImportRow:
    """`address` is the domain there and the slug. `read` may refuse with a Problem."""
    domain, slug = _served(address[0]), address[1]
    row = ImportRow(line=record.line, url=url, slug=slug, domain=domain, has_password=has_password)
    try:
        _check(record, slug)
        fields = {name: value for name, value in read(record).items() if value}
    except Problem as problem:
        return replace(row, reasons=reasons_of(problem))
    return replace(row, fields=cast("LinkFields", fields))


def split_address(address: str) -> tuple[str, str]:
    """Domain and slug: of `https://bit.ly/3xYz9`, `bit.ly/3xYz9`, or of `3xYz9` alone."""
    path = re.sub(r"^[a-z]+://|[?#].*", "", address.strip(), flags=re.IGNORECASE)
    domain, slash, slug = path.partition("/")
    return (domain, unquote(slug.strip("/"))) if slash else ("", unquote(path))


def title(text: str) -> str:
    return _label(text, "title")


def description(text: str) -> str:
    return _label(text, "description")


def tags(value: Any, separators: str) -> list[str]:
    """From a list or from a text; more than a link may have are left out, like the end of a title
    that is too long: no link is lost over its labels."""
    if isinstance(value, str):
        value = re.split(f"[{re.escape(separators)}]", value)
    words = value if isinstance(value, list) else []
    return [word for word in words if isinstance(word, str) and word.strip()][:MAX_TAGS]


def _label(text: str, field: str) -> str:
    column: Any = Link._meta.get_field(field)  # noqa: SLF001 - public by its docs
    return " ".join(text.split())[: column.max_length]


def _served(host: str) -> str:
    """A domain that moved here keeps its links; the links of any other become our own domain's."""
    return host.lower() if host.lower() in settings.LINK_DOMAINS else ""


def _check(record: Record, slug: str) -> None:
    if record.is_ragged:
        raise Problem("ragged_line", "This line has more cells than the header.")
    if not slug:
        raise refusal("slug", "slug_missing", "The file does not say how the link is called.")
