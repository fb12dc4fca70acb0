"""Wallets that are contracts (EIP-1271), with an Ethereum node of a few lines."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from eth_account.messages import _hash_eip191_message, encode_defunct
from rest_framework.test import APIClient

from accounts.models import User
from accounts.siwe import contracts
from tests.accounts.siwe import ALICES, BOBS, ask, compose, send

pytestmark = pytest.mark.django_db
YES = "0x1626ba7e" + "00" * 28
BLOB = "0x" + "ab" * 130  # what two owners of a contract may have signed together


class Node:
    """Answers as `reply` says and remembers what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[dict[str, Any]] = []
        self.reply: Callable[[BaseHTTPRequestHandler], None] = self.result(YES)

    def result(self, value: Any) -> Callable[[BaseHTTPRequestHandler], None]:
        return self.body({"jsonrpc": "2.0", "id": 1, "result": value})

    def body(
        self, body: Any, *, status: int = 200, **headers: str
    ) -> Callable[[BaseHTTPRequestHandler], None]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()

        def reply(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in {"Content-Length": str(len(raw)), **headers}.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(raw)

        return reply


@pytest.fixture
def node(settings: Any) -> Iterator[Node]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            made.asked.append({"path": self.path, **json.loads(self.rfile.read(length))})
            made.reply(self)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        made = Node(f"http://127.0.0.1:{server.server_address[1]}/v3/key?a=b")
        settings.ETHEREUM_RPC_URLS = {1: made.url}
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def sign_in(signature: str = BLOB) -> Any:
    browser = APIClient()
    return send(browser, compose(ask(browser), ALICES.address), signature)


def refused(answer: Any) -> tuple[int, str]:
    assert not User.objects.exists()
    return answer.status_code, answer.json()["code"]


def test_a_contract_that_says_yes_signs_in(node: Node) -> None:
    browser = APIClient()
    message = compose(ask(browser), ALICES.address)
    assert send(browser, message, BLOB).json()["user"]["walletAddress"] == ALICES.address
    (asked,) = node.asked
    assert (asked["path"], asked["method"]) == ("/v3/key?a=b", "eth_call")
    call, block = asked["params"]
    assert (call["to"], block) == (ALICES.address.lower(), "latest")
    hashed = _hash_eip191_message(encode_defunct(text=message)).hex()
    assert call["data"] == (
        f"0x1626ba7e{hashed}{64:064x}{130:064x}{'ab' * 130}{'00' * 30}"  # 130 bytes fill 5 words
    )


def test_a_key_needs_no_node(node: Node) -> None:
    browser = APIClient()
    message = compose(ask(browser), ALICES.address)
    assert send(browser, message, ALICES.sign(message)).status_code == 200
    assert node.asked == []


def test_the_owner_of_a_contract_signs_with_an_ordinary_key(node: Node) -> None:
    browser = APIClient()
    message = compose(ask(browser), ALICES.address)
    assert send(browser, message, BOBS.sign(message)).status_code == 200
    assert len(node.asked) == 1


@pytest.mark.parametrize(
    "result", ["0x", "0x1626ba7e", "0xffffffff" + "00" * 28, YES + "00", "0x" + "00" * 32]
)
def test_whatever_else_a_contract_says_is_no(node: Node, result: str) -> None:
    node.reply = node.result(result)
    assert refused(sign_in()) == (401, "signature_mismatch")


@pytest.mark.parametrize(
    "error", [{"code": 3, "message": "x"}, {"code": -32000, "message": "execution reverted"}]
)
def test_a_contract_that_fails_says_no(node: Node, error: dict[str, Any]) -> None:
    node.reply = node.body({"jsonrpc": "2.0", "id": 1, "error": error})
    assert refused(sign_in()) == (401, "signature_mismatch")


@pytest.mark.parametrize(
    ("body", "more"),
    [
        ({"error": {"code": -32005, "message": "limit exceeded"}}, {}),
        ({"error": "no"}, {}),
        ({"result": 7}, {}),
        ({}, {}),
        ([], {}),
        (b"<html>", {}),
        (b"\xff", {}),
        (b"[" * 60_000, {}),
        (b" " * (contracts.MAX_ANSWER + 1), {}),
        ({"result": YES}, {"status": 500}),
        ({"result": YES}, {"status": 302, "Location": "http://127.0.0.1:1/"}),
    ],
    ids=range(11),
)
def test_a_node_that_makes_no_sense_is_not_available(
    node: Node, body: Any, more: dict[str, Any]
) -> None:
    node.reply = node.body(body, **more)
    answer = sign_in()
    assert refused(answer) == (503, "rpc_unavailable")
    assert int(answer["Retry-After"]) > 0


def test_a_node_that_is_not_there_is_not_available(settings: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.ETHEREUM_RPC_URLS = {1: f"http://127.0.0.1:{free.getsockname()[1]}"}
        assert refused(sign_in()) == (503, "rpc_unavailable")


def test_a_node_that_drips_is_given_up(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time; all of them together never would."""
    monkeypatch.setattr(contracts, "SECONDS", 0.4)
    gone = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "60000")
        handler.end_headers()
        try:
            while not gone.wait(0.05):
                handler.wfile.write(b" ")
        except OSError:
            gone.set()

    node.reply = drip
    started = time.monotonic()
    assert refused(sign_in()) == (503, "rpc_unavailable")
    assert time.monotonic() - started < 5
    gone.set()


def test_a_contract_that_is_not_deployed_yet_is_not_supported(node: Node) -> None:
    assert refused(sign_in(BLOB + "6492" * 16)) == (400, "signature_malformed")
    assert node.asked == []


@pytest.mark.parametrize("signature", ["0x" + "ab" * 4097, "0x", "ab" * 130, "0xabc"])
def test_its_signature_has_a_bound_and_a_form(node: Node, signature: str) -> None:
    assert refused(sign_in(signature)) == (400, "signature_malformed")
    assert node.asked == []


def test_a_chain_without_a_node_has_keys_only(node: Node, settings: Any) -> None:
    settings.ETHEREUM_RPC_URLS = {10: node.url}
    assert refused(sign_in()) == (400, "signature_malformed")
    assert node.asked == []


def test_a_node_that_has_not_been_answering_is_not_waited_for(node: Node) -> None:
    node.reply = node.body({"error": {"code": -32005, "message": "limit exceeded"}})
    answers = [refused(sign_in()) for _ in range(7)]
    assert set(answers) == {(503, "rpc_unavailable")}
    assert len(node.asked) == 5
