"""What a link may point at. Every address is brought to one form before it is stored.

The result is plain ASCII (IDNA host, percent-encoded rest), so it can stand in a Location header
as it is, and no two parsers can disagree about where it leads.
"""

import re
import socket
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

import idna

MAX_LENGTH = 8192
WEB_SCHEMES = frozenset({"http", "https"})
# Schemes that open an app with data alone. What can run code in a browser never comes in here.
_APP_SCHEMES = """
    mailto tel sms geo maps market itms-apps itms-appss intent whatsapp tg signal slack discord
    zoommtg msteams spotify steam facetime ethereum bitcoin magnet
"""
APP_SCHEMES = frozenset(_APP_SCHEMES.split())
# Spaces and odd letters inside of real addresses are percent-encoded below, as browsers do it.
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_HOST_LABELS = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?")
# A host whose last label is a number is an IPv4 address, in any of the old spellings.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
# Everything that may stand in a URI as it is, "%" included: what is encoded stays so.
_SAFE = "%/:=&?~+!$,;'@()*[]#-._"


class OwnAddresses(NamedTuple):
    """Where this installation itself answers: any of the hosts, at a usual or own port."""

    hosts: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset()


class AddressError(ValueError):
    """Why an address cannot be a target; `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def normalize_address(text: str, *, own: OwnAddresses | None = None) -> str:
    """The address in the form in which it is stored, or AddressError.

    A link to `own`, this installation, could lead in circles.
    """
    text = text.strip(" ")
    if not text:
        raise AddressError("url_empty", "An address is needed.")
    if len(text) > MAX_LENGTH:
        raise AddressError("url_too_long", f"An address has at most {MAX_LENGTH:,} characters.")
    if _CONTROL.search(text) or "\\" in text:
        raise AddressError(
            "url_characters",
            "An address has no line breaks, backslashes or control characters.",
        )
    parts = _split(text)
    scheme = parts.scheme.lower()
    if scheme in APP_SCHEMES:
        if not text.partition(":")[2]:
            raise AddressError("url_host", "The address says nothing after its scheme.")
        return _bounded(f"{scheme}:{quote(text.partition(':')[2], safe=_SAFE)}")
    if scheme not in WEB_SCHEMES:
        raise AddressError(
            "url_scheme", "An address begins with http://, https:// or the scheme of a known app."
        )
    return _bounded(_normalize_web(parts, scheme, own or OwnAddresses()))


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises for a port that is none
    except ValueError:
        raise AddressError("url_malformed", "This is not an address.") from None
    return parts


def _normalize_web(parts: SplitResult, scheme: str, own: OwnAddresses) -> str:
    if not parts.netloc or not parts.hostname:
        raise AddressError("url_host", "The address has no host.")
    if "@" in parts.netloc:
        raise AddressError("url_credentials", "An address must not carry a user name or password.")
    # In brackets stands an IPv6 address; the future kinds that the grammar foresees do not exist.
    host = _host(f"{parts.hostname}:" if "[v" in parts.netloc.lower() else parts.hostname)
    if _is_own(host, own) and parts.port in {None, 80, 443, *own.ports}:
        raise AddressError("url_own_domain", "The address cannot point at this service itself.")
    netloc = host if parts.port is None else f"{host}:{parts.port}"
    return urlunsplit(
        (
            scheme,
            netloc,
            quote(parts.path, safe=_SAFE) or "/",
            quote(parts.query, safe=_SAFE),
            quote(parts.fragment, safe=_SAFE),
        )
    )


def _host(host: str) -> str:
    if ":" in host:
        return _ipv6_host(host)
    try:
        ascii_host = host.lower() if host.isascii() else idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        raise AddressError("url_host", "The host is not a valid domain name.") from None
    if not _HOST_LABELS.fullmatch(ascii_host) or len(ascii_host) > 253:
        raise AddressError("url_host", "The host is not a valid domain name.")
    return _ipv4_host(ascii_host) if _NUMBER.fullmatch(_last_label(ascii_host)) else ascii_host


def _ipv4_host(host: str) -> str:
    """Browsers read `127.1`, `0x7f000001` and `017700000001` as addresses; it is kept as one."""
    try:
        return socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
    except OSError:
        raise AddressError("url_host", "The host is not a valid address.") from None


def _ipv6_host(host: str) -> str:
    try:
        address = IPv6Address(host)
    except ValueError:
        raise AddressError("url_host", "The host is not a valid address.") from None
    if address.scope_id is not None:
        raise AddressError("url_host", "The host is an address of one machine alone.")
    return str(address.ipv4_mapped) if address.ipv4_mapped else f"[{address.compressed}]"


def _is_own(host: str, own: OwnAddresses) -> bool:
    """One of our names, or any other name of this machine itself; nobody asks, without names."""
    if not own.hosts:
        return False
    name = host.rstrip(".")
    if name in own.hosts or _last_label(name) == "localhost":
        return True
    try:
        address = ip_address(name.strip("[]"))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _last_label(host: str) -> str:
    return host.rstrip(".").rpartition(".")[2]


def _bounded(address: str) -> str:
    if len(address) > MAX_LENGTH:
        raise AddressError("url_too_long", f"An address has at most {MAX_LENGTH:,} characters.")
    return address
