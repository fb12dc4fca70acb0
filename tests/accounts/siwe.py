"""Wallets for tests: messages written from a template of their own, signatures by eth_account."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct
from rest_framework.test import APIClient

from accounts.siwe.message import SiweMessage


@dataclass(frozen=True)
class TestWallet:
    __test__ = False
    key: bytes

    @property
    def address(self) -> str:
        return str(Account.from_key(self.key).address)

    def sign(self, message: str) -> str:
        signed = Account.sign_message(encode_defunct(text=message), self.key)
        return f"0x{bytes(signed.signature).hex()}"


ALICES, BOBS, CHARLIES = (TestWallet(bytes([number]) * 32) for number in (1, 2, 3))


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def compose(asked: Mapping[str, Any], address: str, **changed: Any) -> str:
    """The message that the answer of /api/auth/nonce asks for, with some parts changed."""
    parts = {"version": "1", "issuedAt": now(), "more": "", **asked, "address": address, **changed}
    return (
        "{domain} wants you to sign in with your Ethereum account:\n{address}\n\n{statement}\n\n"
        "URI: {uri}\nVersion: {version}\nChain ID: {chainId}\nNonce: {nonce}\n"
        "Issued At: {issuedAt}{more}"
    ).format(**parts)


def render(message: SiweMessage) -> str:
    """A message that was read, written again."""
    lines = [
        f"{message.scheme}://" * (message.scheme is not None)
        + f"{message.domain} wants you to sign in with your Ethereum account:",
        message.address,
        "",
        *([] if message.statement is None else [message.statement]),
        "",
        f"URI: {message.uri}",
        "Version: 1",
        f"Chain ID: {message.chain_id}",
        f"Nonce: {message.nonce}",
        f"Issued At: {message.issued_at.text}",
    ]
    if message.expiration_time:
        lines.append(f"Expiration Time: {message.expiration_time.text}")
    if message.not_before:
        lines.append(f"Not Before: {message.not_before.text}")
    if message.request_id is not None:
        lines.append(f"Request ID: {message.request_id}")
    if message.resources is not None:
        lines += ["Resources:", *(f"- {uri}" for uri in message.resources)]
    return "\n".join(lines)


def ask(client: APIClient) -> dict[str, Any]:
    answer = client.post("/api/auth/nonce")
    assert answer.status_code == 200, answer.content
    asked: dict[str, Any] = answer.json()
    return asked


def prove(client: APIClient, wallet: TestWallet, route: str = "login", **changed: Any) -> Any:
    """Asks for a nonce, signs and sends: what a front end does."""
    message = compose(ask(client), wallet.address, **changed)
    return send(client, message, wallet.sign(message), route)


def send(client: APIClient, message: str, signature: str, route: str = "login") -> Any:
    return client.post(f"/api/auth/{route}", {"message": message, "signature": signature})
