"""What must never reach a log line: secrets by the name they are kept under, or by their shape.

Imports no Django: the raw ASGI roads log too.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any

REDACTED = "[redacted]"
ADDRESS = "[address]"

_MAX_DEPTH = 6
_MAX_TEXT = 20_000

# Matched anywhere in a key, after dashes and underscores are dropped.
_SECRET_KEYS = re.compile(
    r"password|passwd|passphrase|secret|token|authorization|cookie|signature|apikey"
    r"|credential|privatekey|sessionid|sessionkey|csrf|bearer|xforwardedfor|remoteaddr|ipaddress"
)
# Words that stand before a secret, for the cheap look that most texts get no further than.
_MARKS = (
    *("passw", "passphrase", "secret", "token", "signature", "cookie", "authorization"),
    *("credential", "bearer", "basic", "apikey", "api_key", "api-key", "private", "csrf"),
    *("session", "forwarded", "addr", "rp_", "eyj", "://", "?p=", "&p="),
    *("line ", "detail:", "context:", "query:", "invalid input", "out of range", "malformed"),
)
_API_KEY = re.compile(r"(rp_[A-Za-z0-9]+_)[A-Za-z0-9_\-]{8,}")
_JWT = re.compile(r"eyJ[A-Za-z0-9_\-]*\.[A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]*)*")
# Of somebody's personal address: whoever has it can be taken for her.
_PERSONAL = re.compile(r"([?&]p=)[A-Za-z0-9_\-]{40,}")
_URL_PASSWORD = re.compile(r"(://[^\s/:@]*):[^\s/]*@")
_SCHEME = re.compile(r"\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=\-]{6,}", re.IGNORECASE)
# A secret's name at the end of a word, or within, and what it is set to: quoted, in a list, quoted
# again as JSON within JSON is, or bare.
_ASSIGNED = re.compile(
    r"((?:passw(?:or)?d|passphrase|secret|token|signature|cookie|authorization|credential|bearer"
    r"|api[_\-]?key|private[_\-]?key|csrf|session_?(?:id|key)|forwarded-for|remote_addr"
    r"|ip_?address)[\w\-]{0,40}(?:\\*[\"'])?\s*[=:]\s*b?)"
    r"(?:\"(?:\\.|[^\"\\])*\"?|'(?:\\.|[^'\\])*'?|(\\+[\"']).*?(?:\2|$)"
    r"|[\[({][^\])}]*[\])}]?|(?!\[redacted\])[^\s\"'&,;\\]+)",
    re.IGNORECASE | re.DOTALL,
)
# What PostgreSQL repeats of a statement and of a row, to the end of the line, and of a value that
# it cannot take: Django puts values into the text, so a password's hash or a name may be in it.
_REPEATED = re.compile(r"((?:^|\\n)(?:LINE \d+|DETAIL|CONTEXT|QUERY):).*", re.MULTILINE)
_REFUSED = re.compile(
    r"((?:invalid input (?:syntax|value) for [\w ]{1,60}|out of range|malformed \w+ literal): "
    r"|\b(?:value|time zone) )\\*\"[^\"]*\"?"
)
_IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d]|\.\d)")
# Not a cast in SQL, whose type begins as an address might go on.
_COLON_RUN = re.compile(
    r"[0-9A-Fa-f.]*(?!::(?:bigint|bool|bytea|bpchar|char|cidr|citext|date|decimal|double|float))"
    r":[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"
)


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    return bool(_SECRET_KEYS.search(name.replace("_", "").replace("-", "").lower()))


def redact_text(text: str) -> str:
    if len(text) > _MAX_TEXT:
        text = f"{text[:_MAX_TEXT]}… [{len(text) - _MAX_TEXT} more]"
    if not _is_suspicious(text):
        return text
    text = _JWT.sub(REDACTED, text)
    text = _API_KEY.sub(rf"\1{REDACTED}", text)
    text = _PERSONAL.sub(rf"\1{REDACTED}", text)
    text = _URL_PASSWORD.sub(rf"\1:{REDACTED}@", text)
    text = _SCHEME.sub(rf"\1\2{REDACTED}", text)
    text = _ASSIGNED.sub(rf"\1{REDACTED}", text)
    text = _REFUSED.sub(rf"\1{REDACTED}", _REPEATED.sub(rf"\1 {REDACTED}", text))
    return _IPV4.sub(_hide_ipv4, _COLON_RUN.sub(_hide_ipv6, text))


def _is_suspicious(text: str) -> bool:
    if text.count(".") >= 3 or text.count(":") >= 2:  # an address may be in it
        return True
    lowered = text.lower()
    for mark in _MARKS:  # noqa: SIM110 - half the time of any() over a generator
        if mark in lowered:
            return True
    return False


def redact(value: Any, depth: int = 0) -> Any:
    """`value` as plain JSON types, without its secrets."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redact_text(value)
    if depth >= _MAX_DEPTH:
        return "[…]"
    if isinstance(value, Mapping):
        return {_text(key): redact_entry(_text(key), item, depth) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, depth + 1) for item in value]
    return redact_text(_text(value))


def redact_entry(key: str, value: Any, depth: int = 0) -> Any:
    """A secret's absence is worth knowing, and says nothing."""
    if value is not None and not isinstance(value, bool) and is_secret_name(key):
        return REDACTED
    return redact(value, depth + 1)


def _text(value: Any) -> str:
    """A log line must come out, whatever an object's own conversion does."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "replace")
    try:
        return str(value)
    except Exception:  # noqa: BLE001
        return f"<unprintable {type(value).__name__}>"


def _hide_ipv4(match: re.Match[str]) -> str:
    return _hidden(match[0], IPv4Address) or match[0]


def _hide_ipv6(match: re.Match[str]) -> str:
    """An address may be followed by a port or preceded by a word's last letters and a colon."""
    run = match[0]
    for start, end in _readings(run):
        if hidden := _hidden(run[start:end], IPv6Address):
            return run[:start] + hidden + run[end:]
    return run


def _readings(run: str) -> Iterator[tuple[int, int]]:
    """Where in `run` the address may be, the longest reading first."""
    starts = [0, run.find(":") + 1]
    ends = [len(run), len(run.rstrip(".")), len(run.rstrip(":.")), run.rfind(":")]
    for start in starts:
        for end in ends:
            if end > start:
                yield start, end


def _hidden(text: str, kind: Callable[[str], IPv4Address | IPv6Address]) -> str:
    """A person's address is hidden; the machine's own (127.0.0.1, ::, 0.0.0.0) is no secret."""
    try:
        address = kind(text)
    except ValueError:
        return ""
    return text if address.is_loopback or address.is_unspecified else ADDRESS
