"""What a personal address leaves on a click: its token, and a hash of the cookie of the browser.

Nothing is verified here, for that needs the key and time: the drain does it (links.clicks.marks).
"""

import hashlib
import re
from typing import Any

PARAMETER = "p"
# What a query holds that may name it: one look, for the road that has no time for more.
HINT = b"p="
# Tokens of links.visits have 52 to 135 characters; a short `p` is the target's own business.
MIN_TOKEN, MAX_TOKEN = 50, 140
# Stands for what no token of ours can be, however long it was.
UNREADABLE = "!"
_TOKEN = re.compile(rb"[A-Za-z0-9_-]{1,%d}" % MAX_TOKEN)
_BROWSER = re.compile(r"[A-Za-z0-9_-]{22}")


def cookie_name(*, https: bool) -> str:
    """With the prefix, browsers take it from this very host over TLS only: nobody can plant one."""
    return "__Host-rallypoint_browser" if https else "rallypoint_browser"


def is_browser(value: str) -> bool:
    """Whether a cookie's value is one that we gave out, as far as its form tells."""
    return _BROWSER.fullmatch(value) is not None


def hash_browser(value: str) -> bytes:
    """8 bytes for the value of a cookie; none for none."""
    return hashlib.blake2b(value.encode(), digest_size=8).digest() if value else b""


def mark_of(scope: dict[str, Any], cookie: bytes) -> str:
    """What a click of this request carries to the drain; "" when the address is nobody's own.
    Bounded, because a text that is too long would make its whole batch unreadable."""
    token = _token_in(scope["query_string"])
    if len(token) < MIN_TOKEN:
        return ""
    if not _TOKEN.fullmatch(token):
        return UNREADABLE
    return f"{token.decode()}.{hash_browser(_browser_in(scope['headers'], cookie)).hex()}"


def is_personal(name: str, value: str) -> bool:
    """Whether a field of a query is between her and us, and goes to nobody else."""
    return name == PARAMETER and len(value) >= MIN_TOKEN


def split_mark(mark: str) -> tuple[str, bytes]:
    """The token, and the hash of the browser's cookie: none when it had none."""
    token, _, browser = mark.partition(".")
    try:
        return token, bytes.fromhex(browser)
    except ValueError:
        return token, b""


def _token_in(query: bytes) -> bytes:
    """The first one, should there be several."""
    for field in query.split(b"&"):
        if field.startswith(HINT):
            return field[len(HINT) :]
    return b""


def _browser_in(headers: list[tuple[bytes, bytes]], cookie: bytes) -> str:
    """The last one of the name, as Django takes it; HTTP/2 may send several headers of cookies."""
    found = b""
    for header, value in headers:
        if header == b"cookie":
            for pair in value.split(b";"):
                name, _, content = pair.partition(b"=")
                if name.strip() == cookie:
                    found = content.strip()
    text = found.decode("latin-1")
    return text if is_browser(text) else ""
