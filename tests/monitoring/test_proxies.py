"""Nobody can choose the address that he is taken for."""

from ipaddress import ip_address

import pytest
from django.test import RequestFactory, override_settings
from hypothesis import given
from hypothesis import strategies as st

from monitoring.clients import client_address
from monitoring.proxies import TrustedProxies, parse_networks, resolve_client

OURS = parse_networks(["10.0.0.0/8", "192.168.1.1", "fd00::/8"])
STRANGER = "203.0.113.7"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        (STRANGER, "", STRANGER),
        (STRANGER, "198.51.100.1", STRANGER),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", STRANGER, STRANGER),
        ("10.0.0.1", f"1.1.1.1, {STRANGER}", STRANGER),
        ("10.0.0.1", f"1.1.1.1, {STRANGER}, 10.2.3.4, 192.168.1.1", STRANGER),
        ("10.0.0.1", "10.9.9.9, 10.2.3.4", "10.9.9.9"),
        ("10.0.0.1", f"{STRANGER}:4711", STRANGER),
        ("fd00::1", "[2001:db8::7]:443", "2001:db8::7"),
        ("::ffff:10.0.0.1", STRANGER, STRANGER),
        ("10.0.0.1", f"::ffff:{STRANGER}", STRANGER),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", f"{STRANGER}, nonsense, 10.0.0.2", "10.0.0.1"),
        ("", STRANGER, ""),
        ("unix:", STRANGER, "unix:"),
    ],
)
def test_the_client_is_the_rightmost_hop_that_is_not_ours(
    peer: str, forwarded: str, client: str
) -> None:
    assert resolve_client(peer, forwarded, OURS) == client
    assert TrustedProxies(OURS).client(peer, forwarded) == client


@given(st.text(), st.ip_addresses(v=4).map(str), st.lists(st.text(), max_size=5))
def test_what_stands_left_of_a_strange_hop_never_counts(
    junk: str, client: str, hops: list[str]
) -> None:
    if not any(ip_address(client) in network for network in OURS):
        assert resolve_client("10.0.0.1", f"{junk},{','.join(hops)},{client}", OURS) == client


@given(st.text())
def test_without_trusted_proxies_the_header_never_counts(forwarded: str) -> None:
    assert TrustedProxies([]).client(STRANGER, forwarded) == STRANGER


def test_of_a_header_without_end_only_the_last_hops_are_read() -> None:
    header = f"{STRANGER}," + "10.0.0.2," * 100_000 + "10.0.0.3"
    assert resolve_client("10.0.0.1", header, OURS) == "10.0.0.2"


def test_an_entry_that_is_no_network_is_named() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        parse_networks(["10.0.0.0/8", "nonsense"])


def test_django_reads_the_same_from_a_request_and_from_its_meta() -> None:
    request = RequestFactory(REMOTE_ADDR="10.0.0.1").get("/", headers={"X-Forwarded-For": STRANGER})
    assert client_address(request) == "10.0.0.1"
    with override_settings(TRUSTED_PROXIES=["10.0.0.0/8"]):
        assert client_address(request) == client_address(request.META) == STRANGER
