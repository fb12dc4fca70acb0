"""What is an EIP-4361 message, by the letter of its grammar."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.siwe.message import MAX_BYTES, SiweMessage, parse
from monitoring.wire.problem import Problem
from tests.accounts.siwe import ALICES, compose, render

ASKED = {
    "domain": "rally.test",
    "uri": "https://rally.test",
    "chainId": 1,
    "nonce": "5f0c3b1d9e2a4786",
    "statement": "Sign in to Rallypoint.",
    "issuedAt": "2031-05-01T09:30:00.000Z",
}
PLAIN = compose(ASKED, ALICES.address)
FULL = compose(
    ASKED,
    ALICES.address,
    domain="https://rally.test:8443",
    more="\nExpiration Time: 2031-05-01T09:35:00Z\nNot Before: 2031-05-01T11:29:00.5+02:00"
    "\nRequest ID: a-1%20b@c\nResources:\n- ipfs://bafy/x?y=1#z\n- urn:example:a",
)


def refusal(text: str | bytes) -> str:
    """The code, with the reason where there is one."""
    with pytest.raises(Problem) as caught:
        parse(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    assert caught.value.status_code == 400
    reason = caught.value.extra.get("reason")
    return f"{caught.value.code} {reason}" if reason else caught.value.code


def test_a_plain_message_is_read() -> None:
    message = parse(PLAIN.encode())
    assert (message.scheme, message.domain, message.address) == (None, "rally.test", ALICES.address)
    assert (message.uri, message.chain_id, message.nonce) == (
        "https://rally.test", 1, "5f0c3b1d9e2a4786",
    )  # fmt: skip
    assert message.statement == "Sign in to Rallypoint."
    assert message.issued_at.at.isoformat() == "2031-05-01T09:30:00+00:00"
    assert message.expiration_time is message.not_before is None
    assert message.request_id is message.resources is None


def test_every_optional_part_is_read() -> None:
    message = parse(FULL.encode())
    assert (message.scheme, message.domain) == ("https", "rally.test:8443")
    assert message.expiration_time
    assert message.expiration_time.at.isoformat() == "2031-05-01T09:35:00+00:00"
    assert message.not_before
    assert message.not_before.at.isoformat() == "2031-05-01T09:29:00.500000+00:00"
    assert message.request_id == "a-1%20b@c"
    assert message.resources == ("ipfs://bafy/x?y=1#z", "urn:example:a")


def test_the_statement_may_be_missing() -> None:
    assert parse(PLAIN.replace("Sign in to Rallypoint.\n", "").encode()).statement is None


def test_an_empty_request_id_and_no_resources_are_not_the_same_as_none() -> None:
    message = parse(f"{PLAIN}\nRequest ID: \nResources:".encode())
    assert (message.request_id, message.resources) == ("", ())


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("rally.test wants", "rally.test  wants", "message_malformed first_line"),
        ("rally.test wants", "ral/ly wants", "message_malformed first_line"),
        ("rally.test wants", "1https://rally.test wants", "message_malformed first_line"),
        ("rally.test wants", "[::1::2] wants", "message_malformed first_line"),
        ("account:", "account: ", "message_malformed first_line"),
        (ALICES.address, ALICES.address[:-1], "message_malformed address"),
        (ALICES.address, ALICES.address.lower(), "wallet_checksum"),
        (ALICES.address, ALICES.address.swapcase().replace("X", "x"), "wallet_checksum"),
        ("\n\nSign", "\nSign", "message_malformed address"),
        ("point.\n\n", "point.\n", "message_malformed statement"),
        ("point.\n\n", "point.\nMore.\n\n", "message_malformed statement"),
        ("Sign in", 'Sign "in"', "message_malformed statement"),
        ("Sign in", "Sign\u00a0in", "message_malformed statement"),
        ("Sign in", "Sign\tin", "message_malformed statement"),
        ("Sign in to Rallypoint.\n", "\n", "message_malformed uri"),
        ("URI: https://rally.test\n", "", "message_malformed uri"),
        ("URI: ", "URI:", "message_malformed uri"),
        ("URI: ", "uri: ", "message_malformed uri"),
        ("https://rally.test", "rally.test", "message_malformed uri"),
        ("https://rally.test", "https://rally.test/%2", "message_malformed uri"),
        ("https://rally.test", "https://rally.test/a b", "message_malformed uri"),
        ("https://rally.test", "https://[1.2.3.4]", "message_malformed uri"),
        ("https://rally.test", "https://rally.test:port", "message_malformed uri"),
        ("Version: 1", "Version: 2", "version_unsupported"),
        ("Version: 1", "Version: 01", "version_unsupported"),
        ("Version: 1\n", "", "message_malformed version"),
        ("Chain ID: 1", "Chain ID: 01", "message_malformed chain_id"),
        ("Chain ID: 1", "Chain ID: -1", "message_malformed chain_id"),
        ("Chain ID: 1", "Chain ID: \u0661", "message_malformed chain_id"),
        ("Chain ID: 1", "Chain ID: 0x1", "message_malformed chain_id"),
        ("5f0c3b1d9e2a4786", "5f0c3b1", "message_malformed nonce"),
        ("5f0c3b1d9e2a4786", "5f0c3b1d-9e2a4786", "message_malformed nonce"),
        ("Z", "", "message_malformed issued_at"),
        ("Z", "z", "message_malformed issued_at"),
        ("Z", "+24:00", "message_malformed issued_at"),
        ("Z", "+0000", "message_malformed issued_at"),
        ("T09", " 09", "message_malformed issued_at"),
        ("T09:30:00", "T24:00:00", "message_malformed issued_at"),
        ("T09:30:00", "T09:30:60", "message_malformed issued_at"),
        ("T09:30:00.000", "T09:30", "message_malformed issued_at"),
        ("T09:30:00.000", "T09:30:00,000", "message_malformed issued_at"),
        ("2031-05-01", "2031-02-30", "message_malformed issued_at"),
        ("2031-05-01", "0000-05-01", "message_malformed issued_at"),
        ("2031-05-01T09:30:00.000Z", "0001-01-01T00:00:00+23:59", "message_malformed issued_at"),
        ("\n", "\r\n", "message_malformed first_line"),
        ("Nonce: ", "Nonce: 12345678\nNonce: ", "message_malformed issued_at"),
    ],
)  # fmt: skip
def test_a_broken_line_is_named(before: str, after: str, code: str) -> None:
    assert before in PLAIN
    assert refusal(PLAIN.replace(before, after)) == code


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ("\n", "message_malformed unexpected_line"),
        (" ", "message_malformed issued_at"),
        ("\nURI: https://rally.test", "message_malformed unexpected_line"),
        ("\nExpiration Time: soon", "message_malformed expiration_time"),
        ("\nNot Before: ", "message_malformed not_before"),
        ("\nRequest ID: a b", "message_malformed request_id"),
        ("\nRequest ID: a\nRequest ID: a", "message_malformed unexpected_line"),
        ("\nRequest ID: a\nNot Before: 2031-05-01T09:30:00Z", "message_malformed unexpected_line"),
        ("\nResources:\n", "message_malformed resources"),
        ("\nResources:\nurn:a:b", "message_malformed resources"),
        ("\nResources:\n- a b", "message_malformed resources"),
        ("\nResources: ", "message_malformed unexpected_line"),
        ("\nResources:\n- urn:a:b\nRequest ID: a", "message_malformed resources"),
    ],
)
def test_nothing_may_follow_but_the_optional_lines_in_their_order(more: str, code: str) -> None:
    assert refusal(PLAIN + more) == code


@pytest.mark.parametrize("lines", range(10))
def test_a_message_that_ends_early_is_refused(lines: int) -> None:
    assert refusal("\n".join(PLAIN.split("\n")[:lines])).startswith("message_malformed ")


def test_other_bytes_than_utf_8_are_refused() -> None:
    assert refusal(PLAIN.encode() + b"\xff") == "message_encoding"
    assert refusal(PLAIN + "\ud800") == "message_encoding"


def test_a_long_message_is_refused_before_it_is_read() -> None:
    room = MAX_BYTES - len(f"{PLAIN}\nRequest ID: ".encode())
    assert parse(f"{PLAIN}\nRequest ID: {'a' * room}".encode()).request_id == "a" * room
    assert refusal(f"{PLAIN}\nRequest ID: {'a' * (room + 1)}") == "message_too_long"
    assert refusal(b"\xff" * 1_000_000) == "message_too_long"


# --- Whatever comes ---
HOSTILE = string.printable + "\x00\x7f\u00e9\u2028\U0001f511\ud800"


def read(raw: bytes) -> SiweMessage | None:
    try:
        return parse(raw)
    except Problem:
        return None


@given(st.sampled_from([PLAIN, FULL]), st.data())
def test_an_altered_message_is_refused_or_read_as_what_it_says(
    text: str, data: st.DataObject
) -> None:
    """Written again it is what came, so no two messages are read as one."""
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 3)))
    raw = (text[:start] + data.draw(st.text(HOSTILE, max_size=3)) + text[end:]).encode(
        "utf-8", "surrogatepass"
    )
    if message := read(raw):
        assert render(message).encode() == raw


@given(st.permutations(FULL.split("\n")))
def test_lines_in_another_order_are_refused_or_read_as_what_they_say(lines: list[str]) -> None:
    if message := read("\n".join(lines).encode()):
        assert render(message) == "\n".join(lines)


@given(st.binary(max_size=200))
def test_nonsense_is_refused(raw: bytes) -> None:
    assert read(raw) is None
