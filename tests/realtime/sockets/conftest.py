"""Alice and Bob at sockets of a running stack, and a room for each test."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from tests.accounts.siwe import TestWallet
from tests.realtime.talkers import Talker
from tests.stack import Stack, token_of

ALICES, BOBS = TestWallet(b"\x0a" * 32), TestWallet(b"\x0b" * 32)


@pytest.fixture(scope="module")
def alice(stack: Stack) -> requests.Session:
    return stack.sign_in(ALICES)


@pytest.fixture(scope="module")
def bob(stack: Stack) -> requests.Session:
    return stack.sign_in(BOBS)


@pytest.fixture
def room(stack: Stack, alice: requests.Session, request: pytest.FixtureRequest) -> str:
    """A room of its own for each test: Alice owns it."""
    slug = f"r-{abs(hash(request.node.name)):x}"[:40]
    made = alice.post(f"{stack.url}/api/rooms", json={"slug": slug, "name": "R"}, timeout=10)
    assert made.status_code == 201, made.text
    return slug


@pytest.fixture
def talk(stack: Stack) -> Iterator[Any]:
    """`talk(alice)`: a connection of hers, which ends with the test."""
    with ExitStack() as open_ones:

        def begin(session: requests.Session, **options: Any) -> Talker:
            return open_ones.enter_context(Talker(stack, token_of(session), **options))

        yield begin
