"""Who signed a text: ours beside eth_account, which nothing else here has to do with."""

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hypothesis import given
from hypothesis import strategies as st

from accounts.siwe import signatures
from monitoring.wire.problem import Problem
from tests.accounts.siwe import ALICES

ORDER = signatures._ORDER
SIGNATURE = ALICES.sign("hello")


@given(st.binary(max_size=300), st.binary(min_size=32, max_size=32))
def test_the_signer_is_the_one_that_eth_account_signed_for(message: bytes, key: bytes) -> None:
    key = (int.from_bytes(key, "big") % (ORDER - 1) + 1).to_bytes(32, "big")
    signed = Account.sign_message(encode_defunct(primitive=message), key)
    signature = f"0x{bytes(signed.signature).hex()}"
    assert signatures.recover(message, signature) == Account.from_key(key).address.lower()


def test_the_last_byte_may_be_counted_from_27_or_from_0() -> None:
    last = f"{int(SIGNATURE[-2:], 16) - 27:02x}"
    assert signatures.recover(b"hello", SIGNATURE[:-2] + last) == ALICES.address.lower()


def test_another_byte_leads_to_another_address() -> None:
    assert signatures.recover(b"hellp", SIGNATURE) != ALICES.address.lower()


def test_the_second_signature_that_mathematics_allows_is_refused() -> None:
    """With the other s and the other last byte it would lead to the same address."""
    s = ORDER - int(SIGNATURE[66:130], 16)
    last = 55 - int(SIGNATURE[130:], 16)
    twin = f"{SIGNATURE[:66]}{s:064x}{last:02x}"
    with pytest.raises(Problem, match="lower half"):
        signatures.recover(b"hello", twin)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "0x",
        SIGNATURE[2:],
        SIGNATURE[:-2],
        SIGNATURE + "00",
        SIGNATURE[:-1] + "g",
        SIGNATURE + "\n",
        SIGNATURE[:-2] + "1d",
        SIGNATURE[:-2] + "02",
        "0x" + "00" * 65,
        "0x" + "00" * 64 + "1b",
        "0x" + "ff" * 32 + "01" * 32 + "1b",
        "0x" + "00" * 31 + "05" + "01" * 32 + "1b",  # 5 is not the x of a point of the curve
        "0x" + "0" * 10_000_000,
        "\ud800" * 132,
    ],
    ids=range(15),
)
def test_a_malformed_signature_is_said_to_be_so(signature: str) -> None:
    with pytest.raises(Problem) as refusal:
        signatures.recover(b"hello", signature)
    assert (refusal.value.code, refusal.value.status_code) == ("signature_malformed", 400)
