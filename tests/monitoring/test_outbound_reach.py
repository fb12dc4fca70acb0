"""Which addresses a stranger can have us connect to: none but public ones, in any spelling."""

from collections.abc import Sequence
from typing import NoReturn

import pytest

from monitoring.outbound import Connector, Deadline, OutboundError
from monitoring.outbound.connector import Endpoint, look_up
from monitoring.outbound.reach import is_public

PUBLIC = [
    "1.1.1.1",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
    "::ffff:1.1.1.1",
    "64:ff9b::1.1.1.1",
]
FORBIDDEN = [
    # this host and its loopback
    "0.0.0.0",  # noqa: S104 - refused, not bound to
    "0.1.2.3",
    "127.0.0.1",
    "127.255.255.254",
    "::",
    "::1",
    # private networks
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    # link-local and what clouds keep there and elsewhere
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    # assigned to protocols, documentation, benchmarks
    "192.0.0.1",
    "192.0.0.9",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "2001:db8::1",
    "3fff::1",
    "100::1",
    "2001:2::1",
    "5f00::1",
    # many hosts, or none
    "192.88.99.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "ff02::1",
    # IPv4 in IPv6
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::10.0.0.1",
    "2002:7f00:1::",
    "2002:101:101::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2606:4700::5efe:10.0.0.1",
    "2606:4700::200:5efe:10.0.0.1",
    # no addresses at all
    "",
    "localhost",
    "127.1",
    "0x7f.0.0.1",
]


@pytest.fixture(autouse=True)
def _no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(endpoint: Endpoint, **_: object) -> NoReturn:
        raise AssertionError(f"connected to {endpoint}")

    monkeypatch.setattr("monitoring.outbound.connector.socket.create_connection", refuse)


def code_of(connector: Connector, host: str = "example.com", port: int = 80) -> str:
    with pytest.raises(OutboundError) as caught:
        connector.connect(host, port, Deadline(5), tls=False)
    return caught.value.code


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", FORBIDDEN)
def test_any_other_address_is_not(address: str) -> None:
    assert not is_public(address)


def test_one_private_address_among_public_ones_spoils_them_all() -> None:
    def resolve(_: str, port: int) -> Sequence[Endpoint]:
        return [("1.1.1.1", port), ("2606:4700:4700::1111", port), ("10.0.0.1", port)]

    assert code_of(Connector(resolve=resolve), port=443) == "address_forbidden"


@pytest.mark.parametrize("error", [OSError("no such name"), UnicodeError("label too long")])
def test_a_name_that_is_none_says_so(error: Exception) -> None:
    def resolve(_: str, __: int) -> NoReturn:
        raise error

    assert code_of(Connector(resolve=resolve)) == "name_unresolved"
    assert code_of(Connector(resolve=lambda *_: [])) == "name_unresolved"


def test_a_name_is_looked_up_once_and_the_answer_is_what_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that is public when asked first and private when asked again gains nothing."""
    asked, connected = [], []

    def resolve(host: str, port: int) -> Sequence[Endpoint]:
        asked.append(host)
        return [("1.1.1.1" if len(asked) == 1 else "127.0.0.1", port)]

    def refuse(endpoint: Endpoint, **_: object) -> NoReturn:
        connected.append(endpoint)
        raise ConnectionRefusedError

    monkeypatch.setattr("monitoring.outbound.connector.socket.create_connection", refuse)
    assert code_of(Connector(resolve=resolve), "rebinding.test") == "unreachable"
    assert (asked, connected) == (["rebinding.test"], [("1.1.1.1", 80)])


def test_a_real_look_up_gives_addresses_and_the_port() -> None:
    assert ("127.0.0.1", 80) in look_up("127.0.0.1", 80)
    assert ("::1", 443) in look_up("::1", 443)


def test_other_ports_are_connected_to_only_by_who_says_so() -> None:
    resolved = {"resolve": lambda _, port: [("10.0.0.1", port)]}
    assert code_of(Connector(**resolved), port=8443) == "port_forbidden"
    generous = Connector(ports={443, 8443}, **resolved)
    assert code_of(generous, port=8443) == "address_forbidden"
    assert code_of(generous, port=80) == "port_forbidden"


def test_a_deadline_is_over_once() -> None:
    assert 0 < Deadline(5).remaining() <= 5
    with pytest.raises(OutboundError):
        Deadline(0).remaining()
