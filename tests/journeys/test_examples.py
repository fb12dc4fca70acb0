"""What /developers gives people to copy works: each example runs, as it is, on real servers."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from benchmarks import PROJECT
from quests.webhooks.signing import new_secret, sign
from tests.accounts.siwe import TestWallet
from tests.stack import Stack, free_port, token_of, wait_until

pytestmark = pytest.mark.xdist_group("stack")

EXAMPLES = PROJECT / "docs" / "examples"
LANGUAGES = ["sh", "py", "mjs"]
WALLET = TestWallet(b"\x2a" * 32)
WORD = "open sesame"
_PROGRAMS = {
    "sh": ["sh"],
    "py": [sys.executable, "-u"],
    "mjs": ["node", "--experimental-websocket"],
}
_NEEDED = {"sh": ("curl", "jq"), "py": (), "mjs": ("node",)}
_BODY = b'{"type": "quest.completed", "data": {"questNumber": 7}}'


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    return token_of(stack.sign_in(WALLET))


@pytest.fixture
def run(stack: Stack, token: str) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """`run("links.py", NAME="value")`: what it says is in `stdout`, with its errors."""
    running: list[subprocess.Popen[str]] = []

    def start(name: str, **values: str) -> "subprocess.Popen[str]":
        language = name.rpartition(".")[2]
        if missing := [one for one in _NEEDED[language] if shutil.which(one) is None]:
            pytest.skip(f"needs {', '.join(missing)}")
        known = {"RALLYPOINT": stack.url, "KEY": stack.key, "TOKEN": token}
        process = subprocess.Popen(
            [*_PROGRAMS[language], str(EXAMPLES / name)],
            env=os.environ | known | values,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def said_by(process: "subprocess.Popen[str]") -> str:
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return said


def test_links_are_made_and_read(run: Callable[..., Any]) -> None:
    running = [run(f"links.{language}") for language in LANGUAGES]
    for said in map(said_by, running):
        assert "Made http" in said
        assert "Clicks: 0, of people: 0" in said


def test_quests_are_done_by_a_word_and_a_click(stack: Stack, run: Callable[..., Any]) -> None:
    numbers = stack.make_quests(*(_quest(stack, language) for language in LANGUAGES))
    running = [
        run(f"quests.{language}", QUEST=str(number), ANSWER=WORD)
        for language, number in zip(LANGUAGES, numbers, strict=True)
    ]
    while any(one.poll() is None for one in running):
        stack.drain()  # what a worker does all the time
    for said in map(said_by, running):
        assert "Step word: verified" in said
        assert "+10 XP" in said
        assert "The word: 1 of 1" in said
        assert "Have a look: 1 of 1" in said


def _quest(stack: Stack, language: str) -> dict[str, Any]:
    slug = f"example-{language}"
    stack.make_link(slug=slug, url="https://www.python.org/")
    word = {"id": "word", "kind": "secret_code", "title": "The word", "config": {"codes": [WORD]}}
    look = {"id": "look", "kind": "visit_link", "title": "Have a look", "config": {"link": slug}}
    return {"title": f"Example {language}", "steps": [word, look]}


def test_a_wallet_signs_in(stack: Stack, run: Callable[..., Any]) -> None:
    by_python = run("sign_in.py", PRIVATE_KEY=f"0x{WALLET.key.hex()}")
    assert "Signed in as" in said_by(by_python)


def test_a_page_signs_in_with_its_wallet(stack: Stack) -> None:
    """Node stands for the page, and we for the wallet: it is asked for a signature, and gets it."""
    if shutil.which("node") is None:
        pytest.skip("needs node")
    page = (
        "const plain = fetch; let cookie = '';"  # as a browser keeps it
        "globalThis.fetch = async (url, options) => {"
        "const answer = await plain(url, { ...options, headers: { ...options.headers, cookie } });"
        "cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? cookie; return answer; };"
        f"import {{ signIn }} from '{(EXAMPLES / 'sign_in.mjs').as_uri()}';"
        "import { createInterface } from 'node:readline/promises';"
        "const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();"
        "const request = async ({ params }) => {"
        "console.log(JSON.stringify(params)); return (await lines.next()).value; };"
        "const pair = await signIn(process.argv[1], { request }, process.argv[2]);"
        "console.log(pair.user.username); process.exit();"
    )
    with subprocess.Popen(
        ["node", "--input-type=module", "-e", page, stack.url, WALLET.address],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as node:  # fmt: skip
        assert node.stdin
        assert node.stdout
        message, address = json.loads(node.stdout.readline())
        print(WALLET.sign(message), file=node.stdin, flush=True)
        said = node.stdout.read()
    assert address == WALLET.address
    assert node.returncode == 0
    assert said.strip()


def test_rooms_are_joined(stack: Stack, token: str, run: Callable[..., Any]) -> None:
    room = {"slug": "examples", "name": "Examples"}
    headers = {"Authorization": f"Bearer {token}"}
    made = requests.post(f"{stack.url}/api/rooms", json=room, headers=headers, timeout=10)
    assert made.status_code == 201, made.text

    by_hand = said_by(run("room.sh", ROOM="examples", FOR_SECONDS="1"))
    assert "Said as number 1" in by_hand
    assert "Hello from curl" in by_hand.partition("Said as number 1")[2]
    assert "Hello from Python" in said_by(run("room.py", ROOM="examples"))
    by_script = said_by(run("room.mjs", ROOM="examples"))
    assert "3 " in by_script
    assert "Hello from JavaScript" in by_script


def test_a_webhook_is_asked_for(stack: Stack, run: Callable[..., Any]) -> None:
    assert "SECRET=whsec_" in said_by(run("webhook.sh", URL="https://example.com/hooks"))
    # Others of this stack look at what is sent.
    gone = (
        "from quests.models import Webhook; Webhook.objects.filter(url__endswith='/hooks').delete()"
    )
    stack.manage("shell", "-c", gone)


@pytest.mark.parametrize("language", ["py", "mjs"])
def test_a_receiver_knows_ours_from_others(run: Callable[..., Any], language: str) -> None:
    secret, port = new_secret(), free_port()
    receiver = run(f"webhook.{language}", SECRET=secret, PORT=str(port))
    url = f"http://127.0.0.1:{port}/"
    wait_until(lambda: _answers(url))
    now = int(time.time())

    assert _tell(url, secret, now) == 204
    assert _tell(url, secret, now) == 204
    assert _tell(url, secret, now - 3_600) == 401
    assert _tell(url, new_secret(), now) == 401
    receiver.terminate()
    said, _ = receiver.communicate(timeout=10)
    assert said.count("quest.completed") == 1


def _answers(url: str) -> bool:
    try:
        return requests.post(url, data=b"{}", timeout=2).status_code == 401
    except requests.RequestException:
        return False


def _tell(url: str, secret: str, timestamp: int) -> int:
    signature = sign(secret, message_id="m1", timestamp=timestamp, body=_BODY)
    headers = {
        "Webhook-Id": "m1",
        "Webhook-Timestamp": str(timestamp),
        "Webhook-Signature": signature,
    }
    return requests.post(url, data=_BODY, headers=headers, timeout=5).status_code
