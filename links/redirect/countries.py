"""Which country a visitor is in: a trusted proxy's header, else an optional MMDB file, else ""."""

from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

import maxminddb

from monitoring.proxies import TrustedProxies

# What proxies say for "unknown" and for Tor; neither is a country.
_NO_COUNTRY = frozenset({"XX", "T1", "ZZ"})


class Countries:
    """ISO 3166-1 alpha-2 codes, upper case. `database` is any MMDB with `country.iso_code`."""

    def __init__(self, proxies: TrustedProxies, header: str = "", database: str = "") -> None:
        self._header = header.lower().encode()
        self._reader = maxminddb.open_database(Path(database)) if database else None
        self._lookup = lru_cache(maxsize=16_384)(self._look_up)
        self._is_proxy = lru_cache(maxsize=1024)(lambda peer: _within(peer, proxies))

    def country(self, peer: str, address: str, headers: dict[bytes, bytes]) -> str:
        if self._header and (said := headers.get(self._header)) and self._is_proxy(peer):
            return _code(said.decode("latin-1"))
        return self._lookup(address) if self._reader is not None else ""

    def _look_up(self, address: str) -> str:
        try:
            found = self._reader.get(address) if self._reader is not None else None
        except ValueError:
            return ""
        country = found.get("country") if isinstance(found, dict) else None
        return _code(str(country.get("iso_code", ""))) if isinstance(country, dict) else ""


def _code(text: str) -> str:
    code = text.strip().upper()
    valid = len(code) == 2 and code.isascii() and code.isalpha() and code not in _NO_COUNTRY
    return code if valid else ""


def _within(peer: str, proxies: TrustedProxies) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in proxies.networks)
