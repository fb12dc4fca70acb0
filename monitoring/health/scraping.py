"""Who may read the metrics without being an operator. Imports no Django."""

import hmac
from ipaddress import ip_address


def may_scrape(*, authorization: bytes, token: str, peer: str, is_proxied: bool) -> bool:
    """The bearer of `token`, and whoever comes over loopback and claims to be nobody. A proxy on
    this machine comes from loopback too, with strangers behind it: it says so."""
    if token and hmac.compare_digest(authorization, f"Bearer {token}".encode()):
        return True
    return not authorization and not is_proxied and _is_loopback(peer)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
