"""Which addresses a link can have us ask: none but public ones, in any spelling."""

from typing import NoReturn

import pytest

from links.metadata import MetadataError, fetch_metadata
from monitoring.outbound import Connector
from monitoring.outbound.connector import Endpoint

# However a private address is written, it is the same one after the look-up.
SPELLINGS = [
    "http://127.0.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://2852039166/latest/meta-data/",
    "http://169.254.169.254/latest/meta-data/",
    "http://0xA9FEA9FE/",
    "http://10.0.0.1/",
    "http://192.168.1.1/",
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[fe80::1]/",
    "http://[fd00:ec2::254]/",
    "http://１２７.０.０.１/",  # noqa: RUF001 - full-width digits
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://127.0.0.1./",
    "http://LOCALHOST/",
    "http://localhost/",
    "https://localhost/",
]
NAMES = ["localhost.", "internal", "metadata.google.internal", "127.0.0.1.nip.io.", "LOCALTEST.me"]
NO_ADDRESSES = [
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com:80/_x",
    "javascript:alert(1)",
    "mailto:a@example.com",
    "//example.com/",
    "http:///etc/passwd",
    "http://",
    "http://user:secret@example.com/",
    "http://example.com\\@127.0.0.1/",
    "http://example.com/\r\nHost: internal",
    "http://exa mple.com/",
    "http://127.0.0.1%2f@example.com/",
    "http://[::1/",
    "http://[127.0.0.1]/",
    "http://example..com/",
]


@pytest.fixture(autouse=True)
def _no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(endpoint: Endpoint, **_: object) -> NoReturn:
        raise AssertionError(f"connected to {endpoint}")

    monkeypatch.setattr("monitoring.outbound.connector.socket.create_connection", refuse)


def code_of(url: str, connector: Connector | None = None) -> str:
    with pytest.raises(MetadataError) as caught:
        fetch_metadata(url, connector=connector)
    return caught.value.code


@pytest.mark.parametrize("url", SPELLINGS)
def test_no_spelling_of_a_private_address_is_connected_to(url: str) -> None:
    assert code_of(url) == "address_forbidden"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "fd00::1"])
def test_no_name_of_a_private_address_is_connected_to(name: str, address: str) -> None:
    connector = Connector(resolve=lambda _, port: [(address, port)])
    assert code_of(f"http://{name}/", connector) == "address_forbidden"


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_what_is_no_address_of_a_page_is_not_looked_up(url: str) -> None:
    def resolve(host: str, _: int) -> NoReturn:
        raise AssertionError(f"looked up {host}")

    assert code_of(url, Connector(resolve=resolve)) == "address_invalid"


@pytest.mark.parametrize("port", [0, 22, 25, 79, 81, 444, 5432, 6379, 8000, 8080])
def test_only_the_usual_ports_are_connected_to(port: int) -> None:
    connector = Connector(resolve=lambda _, port: [("1.1.1.1", port)])
    assert code_of(f"http://example.com:{port}/", connector) == "port_forbidden"
