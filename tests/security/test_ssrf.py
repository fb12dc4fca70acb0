"""Addresses that strangers have us ask, at each of the doors that ask: none leads into a private
network, however it is written, wherever a redirect leads, and whatever the name says next time."""

import socket
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from links.metadata import MetadataError, fetch_metadata
from monitoring.breakers import registry
from monitoring.outbound import Connector, Deadline, OutboundError
from monitoring.outbound.connector import Endpoint
from monitoring.outbound.reach import is_public
from monitoring.wire.problems import Problem
from quests.models import Webhook
from quests.webhooks.posting import PORTS, post
from quests.webhooks.services import create_webhook
from tests.quests.outbox_cast import on_its_way
from tests.sites import HERE, Site, redirect, started_sites

serve = pytest.fixture(started_sites, name="serve")

# One place in a private network, in the ways in which it can be written.
SPELLINGS = [
    "http://127.0.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0X7F.0X0.0X0.0X1/",
    "http://017700000001/",
    "http://0177.0000.0000.0001/",
    "http://00000000000000177.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0x7f.1/",
    "http://127.0x0.0.01/",
    "http://0/",
    "http://0.0.0.0/",
    "http://127.0.0.1./",
    "http://127.0.0.1.:80/",
    "http://127.0.0.1:80/",
    "http://127.0.0.1#@example.com/",
    "http://127.0.0.1?@example.com/",
    "http://127.0.0.1/@example.com/",
    "http://１２７.０.０.１/",  # noqa: RUF001 - full-width digits
    "http://127．0．0．1/",  # noqa: RUF001 - full-width dots
    "http://127。0。0。1/",
    "http://127｡0｡0｡1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://𝟭𝟮𝟳.𝟬.𝟬.𝟭/",  # noqa: RUF001 - mathematical digits
    "http://127.0.0.\u00ad1/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "http://LocalHost/",
    "http://localhost./",
    "http://[::]/",
    "http://[::1]/",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::FFFF:7F00:0001]/",
    "http://[0:0:0:0:0:ffff:7f00:1]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:c0a8:101::1]/",
    "http://[2001:0:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fc00::1]/",
    "http://[fd00:ec2::254]/",
    "http://[ff02::1]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/",
    "http://169.16689662/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://168.63.129.16/",
    "http://100.100.100.200/",
    "http://192.0.0.192/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://3232235777/",
    "http://0300.0250.1.1/",
    "http://198.18.0.1/",
    "http://255.255.255.255/",
    # What is no address of a page at all.
    "http://[::1%25eth0]/",
    "http://[fe80::1%25lo]/",
    "http://[::ffff:127.0.0.1%25]/",
    "http://[v1.127.0.0.1]/",
    "http://[127.0.0.1]/",
    "http://[::1/",
    "http://127.0.0.1%2f@example.com/",
    "http://127%2e0%2e0%2e1/",
    "http://%31%32%37.0.0.1/",
    "http://127.0.0.1%00.example.com/",
    "http://127.0.0.1\x00.example.com/",
    "http://127.0.0.1\t/",
    "http://127.0.0.1\r\nHost: example.com/",
    "http://example.com@127.0.0.1/",
    "http://example.com:80@127.0.0.1/",
    "http://example.com:pass@127.0.0.1/",
    "http://example.com%40127.0.0.1/",
    "http://example.com\\@127.0.0.1/",
    "http://127.0.0.1\\.example.com/",
    "http://example.com\\.127.0.0.1/",
    "http:127.0.0.1/",
    "http:///127.0.0.1/",
    "http:\\\\127.0.0.1\\",
    "//127.0.0.1/",
    "http://4294967296/",
    "http://256.256.256.256/",
    "http://0x100000000/",
    "http://1.2.3.4.5/",
    "http://127..0.0.1/",
    "http://.127.0.0.1/",
]
SCHEMES = (
    *("file:///etc/passwd", "file://127.0.0.1/x", "gopher://127.0.0.1:6379/_FLUSHALL"),
    *("dict://127.0.0.1:11211/", "ftp://127.0.0.1/", "tftp://127.0.0.1/x", "ldap://127.0.0.1/"),
    *("jar:http://127.0.0.1!/", "netdoc:///etc/passwd", "data:text/html,x", "ws://127.0.0.1/"),
    *("unix:///var/run/docker.sock", "http+unix://%2Fvar%2Frun/", "javascript:alert(1)"),
)
PRIVATE = (
    *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
    *("100.64.0.0/10", "0.0.0.0/8", "224.0.0.0/4"),
)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Where a socket of this process was told to connect; nothing is connected to."""
    seen: list[Any] = []

    def refuse(_: socket.socket, address: Any) -> None:
        seen.append(address)
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse, raising=False)
        yield seen


def fetch_code(url: str, connector: Connector | None = None) -> str:
    with pytest.raises(MetadataError) as caught:
        fetch_metadata(url, connector=connector)
    return caught.value.code


# --- A link's target ------------------------------------------------------------------------------
@pytest.mark.parametrize("url", [*SPELLINGS, *SCHEMES])
def test_a_link_has_us_ask_no_private_address(url: str, connected: list[Any]) -> None:
    assert fetch_code(url) in {"address_forbidden", "address_invalid"}
    assert connected == []


def test_a_redirect_leads_to_no_private_address(serve: Callable[..., Site]) -> None:
    """To each of them, from a page that may be asked; the second look-up is the system's own."""
    for url in (*SPELLINGS, *SCHEMES):
        if url.isprintable() and not url.startswith(("//", "http:127", "http:///", "http:\\")):
            site = serve(redirect(url.encode().decode("latin-1")))
            connector = Connector(resolve=_leading_to(site), is_allowed=_allowing(site))
            registry.reset_all()
            code = fetch_code("http://start.test/", connector)
            assert code in {"address_forbidden", "address_invalid"}, url
            assert len(site.requests) == 1


def _leading_to(site: Site) -> Callable[[str, int], Sequence[Endpoint]]:
    def resolve(host: str, port: int) -> Sequence[Endpoint]:
        if host == "start.test":
            return [(HERE, site.port)]
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [(str(address[0]), port) for *_, address in found]

    return resolve


def _allowing(site: Site) -> Callable[[str], bool]:
    """The site itself, once: it stands for a public one."""
    first = iter([True])
    return lambda address: next(first, False) or is_public(address)


# --- A webhook ------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_webhook_is_made_for_no_private_address(alice: User, connected: list[Any]) -> None:
    for url in (*SPELLINGS, *SCHEMES):
        with pytest.raises(Problem) as refused:
            create_webhook(owner=alice, url=url)
        assert refused.value.status_code == 400, url
    assert (Webhook.objects.count(), connected) == (0, [])


@pytest.mark.django_db
@pytest.mark.parametrize("url", [u for u in SPELLINGS if u.isascii() and u.isprintable()][:40])
def test_one_that_came_in_some_other_way_is_not_sent_to_either(
    alice: User, url: str, connected: list[Any]
) -> None:
    """The address is judged again where it is connected to, not only where it is entered."""
    webhook, _ = create_webhook(owner=alice, url="https://example.com/hook")
    delivery = on_its_way(webhook)
    Webhook.objects.filter(pk=webhook.pk).update(url=url)
    delivery.webhook.refresh_from_db()
    outcome = post(delivery, Connector(ports=PORTS))
    assert outcome.error in {"address_forbidden", "name_unresolved"}
    assert connected == []


# --- Names that change their mind -----------------------------------------------------------------
def test_what_was_checked_is_what_the_socket_is_told(
    monkeypatch: pytest.MonkeyPatch, connected: list[Any]
) -> None:
    """A resolver of ours says 1.1.1.1 first and 127.0.0.1 from then on: DNS rebinding. Below
    everything of ours, the socket itself is asked where it was sent."""
    real, asked = socket.getaddrinfo, []

    def resolver(host: Any, port: Any, *more: Any, **named: Any) -> Any:
        if host != "rebinding.test":
            return real(host, port, *more, **named)  # an address stands for itself
        asked.append(host)
        says = "1.1.1.1" if len(asked) == 1 else "127.0.0.1"
        return real(says, port, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    with pytest.raises(OutboundError, match="unreachable"):
        Connector().connect("rebinding.test", 80, Deadline(5), tls=False)
    assert (asked, connected) == (["rebinding.test"], [("1.1.1.1", 80)])
    with pytest.raises(OutboundError, match="address_forbidden"):
        Connector().connect("rebinding.test", 80, Deadline(5), tls=False)
    assert len(connected) == 1


# --- Addresses inside of addresses ----------------------------------------------------------------
@given(network=st.sampled_from(PRIVATE), at=st.integers(0, 2**32 - 1))
def test_no_way_to_carry_a_private_address_makes_it_public(network: str, at: int) -> None:
    inside = IPv4Network(network)
    address = IPv4Address(int(inside.network_address) + at % inside.num_addresses)
    high, low = int(address) >> 16, int(address) & 0xFFFF
    carried = [
        str(address),
        f"::ffff:{address}",
        f"::{address}",
        f"::ffff:0:{address}",
        f"64:ff9b::{high:x}:{low:x}",
        f"64:ff9b:1::{high:x}:{low:x}",
        f"2002:{high:x}:{low:x}::1",
        f"2001:0:{high:x}:{low:x}::",
        f"2001:0:101:101:0:0:{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}",
        f"2606:4700::5efe:{high:x}:{low:x}",
        f"2606:4700::200:5efe:{high:x}:{low:x}",
    ]
    assert not [one for one in carried if is_public(one)]
