"""Which address a request came from, when proxies stand in front. Imports no Django."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

_MAX_HOPS = 32


def parse_networks(entries: Iterable[str]) -> list[Network]:
    """`10.0.0.0/8`, `::1`, …; ValueError names the entry that is none."""
    return [ip_network(entry.strip(), strict=False) for entry in entries]


def resolve_client(peer: str, forwarded_for: str, trusted: Iterable[Network]) -> str:
    """The rightmost hop that is not one of our own proxies.

    Only what a trusted proxy appended may be believed, and proxies append on the right. Anything
    malformed on the way ends the walk at the last hop that was certain.
    """
    networks = tuple(trusted)
    certain = _parse(peer)
    if certain is None or not _within(certain, networks):
        return peer
    for hop in reversed(forwarded_for.split(",")[-_MAX_HOPS:]):
        address = _parse(hop)
        if address is None:
            return peer
        if not _within(address, networks):
            return str(address)
        certain = address
    return str(certain)


class TrustedProxies:
    def __init__(self, networks: Iterable[Network]) -> None:
        self.networks = tuple(networks)

    def client(self, peer: str, forwarded_for: str) -> str:
        if not self.networks or not forwarded_for:
            return peer
        return resolve_client(peer, forwarded_for, self.networks)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """One hop, with or without brackets and port; an IPv4 address in IPv6 clothes is IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _within(address: IPv4Address | IPv6Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)
