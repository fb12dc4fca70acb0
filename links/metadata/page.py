"""Title, description and icon out of HTML."""

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from links.addresses import WEB_SCHEMES, AddressError, normalize_address
from monitoring.outbound import Deadline

# Of the model's columns.
TITLE_LENGTH = 300
DESCRIPTION_LENGTH = 1000
FAVICON_URL_LENGTH = 2048
# Small enough to look at the clock often: html.parser can be kept busy by what is no HTML.
_PIECE = 16 * 1024
# Control characters but for white space, marks that turn the direction of text, half characters.
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
Attributes = Sequence[tuple[str, str | None]]


class Metadata(NamedTuple):
    title: str = ""
    description: str = ""
    favicon_url: str = ""


def read_page(html: str, url: str, deadline: Deadline) -> Metadata:
    """`url` is where the page was in the end; what it does not say is ""."""
    head = _Head()
    for start in range(0, len(html), _PIECE):
        deadline.remaining()
        head.feed_some(html[start : start + _PIECE])
        if head.is_over:
            break
    return Metadata(
        title=_line(head.title or head.said.get("og:title", ""), TITLE_LENGTH),
        description=_line(
            head.said.get("description") or head.said.get("og:description", ""),
            DESCRIPTION_LENGTH,
        ),
        favicon_url=_favicon(head, url),
    )


class _Head(HTMLParser):
    """Of everything, the first counts."""

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[str, str] = {}
        self.icons: dict[str, str] = {}
        self.base = ""
        self.is_over = False
        self._title: list[str] | None = None
        self._in_title = False
        self._depth_of_svg = 0

    @property
    def title(self) -> str:
        return "".join(self._title or [])

    def feed_some(self, html: str) -> None:
        """Never `close`: what is left over is no HTML, and slow to find out about."""
        try:
            self.feed(html)
        except AssertionError:  # how html.parser says that a declaration is malformed
            self.is_over = True

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        if self.is_over:
            return
        given = {name: value or "" for name, value in reversed(attrs)}
        if tag == "title" and self._title is None and not self._depth_of_svg:
            self._title, self._in_title = [], True
        elif tag == "meta":
            name = (given.get("property") or given.get("name") or "").strip().lower()
            self.said.setdefault(name, given.get("content", ""))
        elif tag == "link":
            for word in given.get("rel", "").lower().split():
                self.icons.setdefault(word, given.get("href", ""))
        elif tag == "base":
            self.base = self.base or given.get("href", "")
        elif tag == "svg":
            self._depth_of_svg += 1
        elif tag == "body":
            self.is_over = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif tag == "svg":
            self._depth_of_svg -= 1
        elif tag == "head":
            self.is_over = True

    def handle_data(self, data: str) -> None:
        if self._in_title and self._title is not None:
            self._title.append(data)


def _line(text: str, length: int) -> str:
    line = " ".join(_UNWANTED.sub("", text).split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def _favicon(head: _Head, url: str) -> str:
    href = head.icons.get("icon") or head.icons.get("apple-touch-icon")
    if not href:
        return ""
    try:
        address = normalize_address(urljoin(urljoin(url, head.base.strip()), href.strip()))
        is_web = urlsplit(address).scheme in WEB_SCHEMES
    except (AddressError, ValueError):
        return ""
    return address if is_web and len(address) <= FAVICON_URL_LENGTH else ""
