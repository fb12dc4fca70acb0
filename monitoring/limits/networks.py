"""Which callers by address count as one. Imports no Django."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from monitoring.proxies import Network

UNKNOWN = "unknown"
# What one household or one server gets: single addresses cost its owner nothing.
_IPV6_PREFIX = 64
_SHOWN_IPV4, _SHOWN_IPV6 = 24, 48
_REMEMBERED = 8_192


@lru_cache(maxsize=_REMEMBERED)
def network_of(address: str) -> str:
    """An IPv4 address or an IPv6 network; all whose address is unknown count as one."""
    found = _parse(address)
    if found is None:
        return UNKNOWN
    if isinstance(found, IPv4Address):
        return str(found)
    return str(ip_network((found, _IPV6_PREFIX), strict=False))


def masked(caller: str) -> str:
    """The caller as operators are shown her: of an address its wider network, never itself."""
    found = _parse(caller.partition("/")[0])
    if found is None:
        return caller
    prefix = _SHOWN_IPV4 if isinstance(found, IPv4Address) else _SHOWN_IPV6
    return str(ip_network((found, prefix), strict=False))


def is_exempt(address: str, exempt: Iterable[Network]) -> bool:
    networks = tuple(exempt)
    if not networks or (found := _parse(address)) is None:
        return False
    return any(found in network for network in networks)


def _parse(address: str) -> IPv4Address | IPv6Address | None:
    """An IPv4 address in IPv6 clothes is IPv4."""
    try:
        found = ip_address(address)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
