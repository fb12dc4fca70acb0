"""Which IP addresses a stranger may have us connect to: those of the public internet alone."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# Beyond what `is_global` knows of, or what it has changed its mind about between Python releases.
_FORBIDDEN_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "100.64.0.0/10",  # carrier-grade NAT, and metadata at Alibaba
        "168.63.129.16/32",  # metadata at Azure, in the middle of public addresses
        "169.254.0.0/16",  # link-local, and metadata nearly everywhere
        "192.0.0.0/24",  # protocol assignments, and metadata at Oracle
        "192.88.99.0/24",  # 6to4 relays
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
_UNICAST_V6 = IPv6Network("2000::/3")
_FORBIDDEN_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo and other protocol assignments
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return _is_public_v4(ip) if isinstance(ip, IPv4Address) else _is_public_v6(ip)


def _is_public_v4(ip: IPv4Address) -> bool:
    return ip.is_global and not any(ip in network for network in _FORBIDDEN_V4)


def _is_public_v6(ip: IPv6Address) -> bool:
    """An address that stands for an IPv4 one is as public as that one. Tunnels (6to4, Teredo)
    carry one too, but nobody serves pages over them any more."""
    if ip.scope_id is not None:
        return False
    if ip.ipv4_mapped is not None:
        return _is_public_v4(ip.ipv4_mapped)
    if ip in _NAT64:
        return _is_public_v4(IPv4Address(int(ip) & 0xFFFF_FFFF))
    return (
        ip in _UNICAST_V6
        and ip.is_global
        and not any(ip in network for network in _FORBIDDEN_V6)
        and not _is_isatap(ip)
    )


def _is_isatap(ip: IPv6Address) -> bool:
    """An interface identifier that ends in an IPv4 address, whose network may be anybody's."""
    return (int(ip) >> 32) & 0xFCFF_FFFF == 0x0000_5EFE
