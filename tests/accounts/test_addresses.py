"""Addresses of wallets, and the capitals of EIP-55."""

import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from accounts.addresses import parse_wallet, to_checksum
from monitoring.wire.problem import Problem

# The examples of EIP-55 itself.
EIP_55 = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize("address", EIP_55)
def test_an_address_is_kept_in_lower_case_and_shown_as_it_came(address: str) -> None:
    assert parse_wallet(address) == address.lower()
    assert to_checksum(address.lower()) == address


@pytest.mark.parametrize("address", EIP_55)
def test_an_address_in_one_case_carries_no_checksum(address: str) -> None:
    assert parse_wallet(address.lower()) == address.lower()
    assert parse_wallet(f"0x{address[2:].upper()}") == address.lower()


@given(st.binary(min_size=20, max_size=20))
def test_the_capitals_are_those_of_another_implementation(raw: bytes) -> None:
    assert to_checksum(f"0x{raw.hex()}") == to_checksum_address(raw)


def test_a_wrong_capital_is_a_wrong_checksum() -> None:
    with pytest.raises(Problem) as refusal:
        parse_wallet("0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
    assert (refusal.value.code, refusal.value.status_code) == ("wallet_checksum", 400)


@pytest.mark.parametrize(
    "text",
    ["", "0x", "alice.eth", EIP_55[0][2:], EIP_55[0] + "0", EIP_55[0][:-1], f"0X{'a' * 40}",
     f"0x{'g' * 40}", f"{EIP_55[0]}\n", f" {EIP_55[0]}", "0x" + "\uff11" * 40],
)  # fmt: skip
def test_anything_else_is_no_wallet(text: str) -> None:
    with pytest.raises(Problem) as refusal:
        parse_wallet(text)
    assert (refusal.value.code, refusal.value.status_code) == ("wallet_invalid", 400)
