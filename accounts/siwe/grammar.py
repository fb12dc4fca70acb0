"""The parts of EIP-4361's grammar that other documents define: RFC 3986 URIs, RFC 3339 instants.

Stricter than those where one thing may be written in two ways: T and Z are capitals, and there
is no second 60, which no clock of ours can show.
"""

import re
from datetime import UTC, datetime
from ipaddress import IPv6Address
from typing import NamedTuple

_UNRESERVED = r"A-Za-z0-9\-._~"
_SUB_DELIMS = r"!$&'()*+,;="
_ENCODED = r"%[0-9A-Fa-f]{2}"
_PCHAR = rf"(?:[{_UNRESERVED}{_SUB_DELIMS}:@]|{_ENCODED})"
_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]*"
_USERINFO = rf"(?:[{_UNRESERVED}{_SUB_DELIMS}:]|{_ENCODED})*"
_REG_NAME = rf"(?:[{_UNRESERVED}{_SUB_DELIMS}]|{_ENCODED})*"
_IP_FUTURE = rf"[vV][0-9A-Fa-f]+\.[{_UNRESERVED}{_SUB_DELIMS}:]+"
_HOST = rf"(?:\[(?:(?P<ipv6>[0-9A-Fa-f:.]+)|{_IP_FUTURE})\]|{_REG_NAME})"
_AUTHORITY = rf"(?:{_USERINFO}@)?{_HOST}(?::[0-9]*)?"
_SEGMENTS = rf"{_PCHAR}+(?:/{_PCHAR}*)*"
_HIER_PART = rf"(?://{_AUTHORITY}(?:/{_PCHAR}*)*|/(?:{_SEGMENTS})?|(?:{_SEGMENTS})?)"
_REST = rf"(?:{_PCHAR}|[/?])*"

_URI = re.compile(rf"{_SCHEME}:{_HIER_PART}(?:\?{_REST})?(?:#{_REST})?")
_ORIGIN = re.compile(rf"(?:(?P<scheme>{_SCHEME})://)?(?P<authority>{_AUTHORITY})")
_STATEMENT = re.compile(rf"[{_UNRESERVED}{_SUB_DELIMS}:/?#\[\]@ ]+")
_REQUEST_ID = re.compile(rf"{_PCHAR}*")
_NONCE = re.compile(r"[A-Za-z0-9]{8,}")
_CHAIN_ID = re.compile(r"0|[1-9][0-9]{0,18}")
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_INSTANT = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_CLOCK}:[0-5][0-9](?:\.[0-9]+)?(?:Z|[+\-]{_CLOCK})"
)


class Instant(NamedTuple):
    """As it was written, for two ways of writing one time are two messages; and when it is."""

    text: str
    at: datetime


def parse_instant(text: str) -> Instant | None:
    """None for what is no date-time. Digits beyond microseconds do not count."""
    if not _INSTANT.fullmatch(text):
        return None
    try:
        return Instant(text, datetime.fromisoformat(text).astimezone(UTC))
    except (ValueError, OverflowError):  # a 30th of February; a year that UTC puts before the first
        return None


def parse_origin(text: str) -> tuple[str | None, str] | None:
    """(scheme or None, domain), or None for what is neither."""
    found = _ORIGIN.fullmatch(text)
    return (found["scheme"], found["authority"]) if found and _host_is_possible(found) else None


def is_uri(text: str) -> bool:
    found = _URI.fullmatch(text)
    return bool(found and _host_is_possible(found))


def is_statement(text: str) -> bool:
    return bool(_STATEMENT.fullmatch(text))


def is_request_id(text: str) -> bool:
    return bool(_REQUEST_ID.fullmatch(text))


def is_nonce(text: str) -> bool:
    return bool(_NONCE.fullmatch(text))


def is_chain_id(text: str) -> bool:
    return bool(_CHAIN_ID.fullmatch(text))


def _host_is_possible(found: re.Match[str]) -> bool:
    if found["ipv6"] is None:
        return True
    try:
        IPv6Address(found["ipv6"])
    except ValueError:
        return False
    return True
