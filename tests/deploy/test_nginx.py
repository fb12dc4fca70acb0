"""Behind the real nginx: whose address it is, what is too much, sockets, uploads, reloads."""

import base64
import json
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.accounts.siwe import ALICES
from tests.chaos.load import clicking
from tests.deploy.proxies import Nginx, client_at
from tests.realtime.talkers import Talker
from tests.stack import Stack, token_of, wait_until

pytestmark = [pytest.mark.xdist_group("second stack"), pytest.mark.timeout(180)]

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(3_000_000)


@pytest.fixture(scope="module")
def nginx(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp("nginx"), web=stack.port) as running:
        yield running


class Behind:
    """The stack as those see it who come by nginx."""

    def __init__(self, stack: Stack, nginx: Nginx) -> None:
        self.url = nginx.url
        self.token = token_of(stack.sign_in(ALICES))
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {self.token}"


@pytest.fixture(scope="module")
def behind(stack: Stack, nginx: Nginx) -> Behind:
    return Behind(stack, nginx)


# --- The files ------------------------------------------------------------------------------------
@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", tmp_path / "privkey.pem", "-out", tmp_path / "fullchain.pem"),
        ],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return tmp_path / "fullchain.pem"


@pytest.mark.parametrize("web", ["127.0.0.1:8000", "127.0.0.1:8000 resolve"])
@pytest.mark.parametrize("site", ["http", "https"])
def test_nginx_accepts_its_configuration(certificate: Path, site: str, web: str) -> None:
    done = Nginx(certificate.parent, web=8000, SITE=site, WEB=web).test()
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


def test_a_variable_that_is_missing_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        ["python3", "deploy/nginx/render.py", str(tmp_path / "made")],
        env={"PATH": "/usr/bin:/bin", "WEB": "web:8000"},
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert re.search(r"error: '\w+' is not set", done.stderr)
    assert not (tmp_path / "made").exists()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")  # to show that it is refused
def test_over_tls_everything_is_found_at_https(stack: Stack, certificate: Path) -> None:
    with Nginx(certificate.parent, web=stack.port, SITE="https", SCHEME="https") as nginx:
        plain = requests.get(f"{nginx.url}/quests?a=1", allow_redirects=False, timeout=10)
        assert plain.status_code == 308
        assert plain.headers["Location"].startswith("https://127.0.0.1")
        assert plain.headers["Location"].endswith("/quests?a=1")
        secure = f"https://127.0.0.1:{nginx.tls_port}"
        assert requests.get(f"{secure}/quests", verify=certificate, timeout=10).ok
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        with (
            socket.create_connection(("127.0.0.1", nginx.tls_port), timeout=10) as connection,
            pytest.raises(ssl.SSLError),
        ):
            old.wrap_socket(connection)


# --- Whose address it is --------------------------------------------------------------------------
def test_a_visitor_is_who_came_to_nginx_whatever_she_says(stack: Stack, nginx: Nginx) -> None:
    link = stack.make_link(url="https://example.org/")
    forged = BROWSER | {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    for address, headers in (("127.0.0.2", BROWSER), ("127.0.0.2", forged), ("127.0.0.3", BROWSER)):
        answer = client_at(address).get(
            f"{nginx.url}/{link['slug']}", headers=headers, allow_redirects=False, timeout=10
        )
        assert answer.status_code == 302
    stack.drain()
    stats = stack.api.get(f"{stack.url}/api/links/{link['id']}/stats", timeout=10).json()
    assert (stats["totals"]["clicks"], stats["totals"]["visitors"]) == (3, 2)


def test_metrics_are_not_to_be_had_from_outside(nginx: Nginx) -> None:
    assert requests.get(f"{nginx.url}/api/health/metrics", timeout=10).status_code == 404


@pytest.mark.parametrize("probe", ["health", "api/health", "api/health/live", "api/health/ready"])
def test_probes_are_passed_on(nginx: Nginx, probe: str) -> None:
    answer = requests.get(f"{nginx.url}/{probe}", timeout=10)
    assert answer.status_code == 200
    assert answer.json()["status"]


# --- What is too much -----------------------------------------------------------------------------
def test_one_who_floods_is_told_so_and_others_are_served(nginx: Nginx) -> None:
    many = b"GET /no-such-slug HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 999
    last = b"GET /no-such-slug HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    address = ("127.0.0.4", 0)
    with socket.create_connection(("127.0.0.1", nginx.port), 20, source_address=address) as flood:
        flood.sendall(many + last)
        answers = b"".join(iter(lambda: flood.recv(65536), b""))
    said = re.findall(rb"HTTP/1.1 (\d+)", answers)
    assert set(said) == {b"404", b"429"}
    assert said.count(b"404") >= 400
    refusal = answers[answers.index(b"HTTP/1.1 429") :]
    assert b"Retry-After: 1" in refusal
    assert b'"code":"rate_limited"' in refusal
    assert client_at("127.0.0.4").get(f"{nginx.url}/api/health", timeout=10).ok
    assert client_at("127.0.0.5").get(f"{nginx.url}/quests", timeout=10).ok
    assert "127.0.0." not in nginx.log.read_text()
    assert '"status":429' in nginx.log.read_text()


def test_who_sends_slowly_holds_no_thread_of_django(nginx: Nginx) -> None:
    head = b"POST /api/links HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500\r\n\r\n{"
    slow = [socket.create_connection(("127.0.0.1", nginx.port), 10) for _ in range(60)]
    try:
        for connection in slow:
            connection.sendall(head)
        assert requests.get(f"{nginx.url}/quests", timeout=5).ok
    finally:
        for connection in slow:
            connection.close()


def test_what_is_far_too_big_is_refused_in_the_form_of_all_answers(behind: Behind) -> None:
    answer = behind.session.post(
        f"{behind.url}/api/links", data=bytes(12 * 1024 * 1024), timeout=30
    )
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "body_too_large"


# --- What passes ----------------------------------------------------------------------------------
def test_an_image_comes_through_as_it_was_sent(stack: Stack, behind: Behind) -> None:
    step = {"id": "proof", "kind": "proof", "title": "Show us", "config": {}}
    (number,) = stack.make_quests({"title": "Behind nginx", "steps": [step]})
    answer = behind.session.put(
        f"{behind.url}/api/progress/update/{number}",
        json={"stepId": "proof", "answer": {"image": base64.b64encode(PNG).decode()}},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    asks = "from quests.models import Proof; print(len(Proof.objects.latest('pk').image))"
    assert stack.manage("shell", "--no-imports", "-c", asks).strip() == str(len(PNG))
    # It would wait for a review in the tests of others.
    forget = (
        "from quests.models import Proof; evidence = Proof.objects.latest('pk').evidence;"
        "evidence.proof.delete(); evidence.delete()"
    )
    stack.manage("shell", "--no-imports", "-c", forget)


def test_people_talk_over_the_socket(stack: Stack, behind: Behind, nginx: Nginx) -> None:
    room = "behind-nginx"
    made = behind.session.post(
        f"{behind.url}/api/rooms", json={"slug": room, "name": "Behind"}, timeout=10
    )
    assert made.status_code == 201, made.text
    with Talker(stack, behind.token, at=behind.url) as alice:
        assert alice.ask("join:room", room=room)["event"] == "ack"
        nginx.reload()  # the old worker keeps her connection
        said = alice.ask("message:send", room=room, body="Still here", clientId="a")
    assert said["event"] == "ack"


def test_events_come_as_they_happen(stack: Stack, behind: Behind) -> None:
    room = "behind-nginx-stream"
    behind.session.post(f"{behind.url}/api/rooms", json={"slug": room, "name": "S"}, timeout=10)
    with behind.session.get(
        f"{behind.url}/api/rooms/{room}/events", stream=True, timeout=10
    ) as events:
        lines = events.iter_lines(decode_unicode=True, chunk_size=1)
        next(lines)
        behind.session.post(
            f"{behind.url}/api/rooms/{room}/messages", json={"body": "Now"}, timeout=10
        )
        assert any("Now" in line for line in lines)


def test_static_files_are_asked_for_once(nginx: Nginx) -> None:
    address = f"{nginx.url}/static/rallypoint/charts.js"
    seen = [requests.get(address, headers={"Accept-Encoding": "br"}, timeout=10) for _ in range(2)]
    assert [one.headers["X-Cache"] for one in seen] == ["MISS", "HIT"]
    assert {one.headers["Content-Encoding"] for one in seen} == {"br"}
    plain = requests.get(address, headers={"Accept-Encoding": ""}, timeout=10)
    assert "Content-Encoding" not in plain.headers
    assert plain.content == seen[0].content
    assert len({one.headers["Cache-Control"] for one in (*seen, plain)}) == 1


# --- Reload, drain, absence -----------------------------------------------------------------------
def test_no_click_fails_while_nginx_and_the_workers_are_replaced(
    stack: Stack, nginx: Nginx, long_form: bool
) -> None:
    link = stack.make_link(url="https://example.org/")
    # Below what nginx lets one address do.
    with clicking(nginx.port, link["slug"], clients=2, pause=0.02) as clicks:
        for _ in range(20 if long_form else 1):
            nginx.reload()
            stack.reload()
    assert clicks.errors == []
    assert set(clicks.statuses) == {302}


def test_while_nobody_answers_it_says_when_to_come_again(stack: Stack, nginx: Nginx) -> None:
    stack.stop_web()
    try:
        program = requests.get(f"{nginx.url}/api/quests", timeout=10)
        person = requests.get(f"{nginx.url}/quests", timeout=10)
    finally:
        stack.start_web()
    assert (program.status_code, person.status_code) == (503, 503)
    assert program.headers["Content-Type"] == "application/problem+json"
    assert program.json()["code"] == "unavailable"
    assert program.headers["Retry-After"] == person.headers["Retry-After"] == "2"
    assert "Back in a moment" in person.text
    wait_until(lambda: requests.get(f"{nginx.url}/quests", timeout=10).ok)
    told: list[dict[str, Any]] = [json.loads(line) for line in nginx.log.read_text().splitlines()]
    assert all(line["event"] == "nginx_answered" for line in told)
