"""Webhooks through real processes: web, beat, worker; and a sender that is killed at its work."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from tests.sites import Site, answer, started_sites
from tests.stack import PROJECT, Stack, wait_until

pytestmark = pytest.mark.xdist_group("stack")
serve = pytest.fixture(started_sites, name="serve")

_MAKE_USER = """
from accounts.models import User
User.objects.filter(username="hooked").exists() or User.objects.create_user(
    "hooked", password="correct horse 4711"
)
"""
# A sender for which the receiver of the test is a public one.
_SEND = """
from monitoring.outbound import Connector
from quests.tasks import relay_outbox
from quests.webhooks.sending import send_due
relay_outbox()
print(send_due(seconds=20, connector=Connector(
    resolve=lambda *_: [("127.0.0.1", {port})], is_allowed="127.0.0.1".__eq__
)))
"""
_LET_GO = """
from django.utils import timezone
from quests.models import Delivery
Delivery.objects.filter(held_until__isnull=False).update(held_until=timezone.now())
"""


@pytest.fixture
def person(stack: Stack) -> requests.Session:
    stack.manage("shell", "-c", _MAKE_USER)
    session = requests.Session()
    credentials = {"username": "hooked", "password": "correct horse 4711"}
    signed_in = session.post(f"{stack.url}/api/auth/token", json=credentials, timeout=10)
    session.headers["Authorization"] = f"Bearer {signed_in.json()['token']}"
    return session


@contextmanager
def working(stack: Stack) -> Iterator[None]:
    """A worker with its own beat."""
    log = (stack.directory / "worker.log").open("ab")
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "config", "worker", "--beat", "--concurrency=2"],
        cwd=PROJECT,
        env=stack.env,
        stdout=log,
        stderr=log,
    )
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(timeout=60)


def test_a_test_event_goes_all_the_way_and_into_no_private_network(
    stack: Stack, person: requests.Session
) -> None:
    hooks = f"{stack.url}/api/webhooks"
    refused = person.post(hooks, json={"url": "http://10.0.0.1/hook"}, timeout=10)
    assert refused.json()["errors"][0]["code"] == "address_forbidden"
    made = person.post(hooks, json={"url": "http://hook.invalid/"}, timeout=10).json()
    assert person.post(f"{hooks}/{made['id']}/test", timeout=10).status_code == 202

    def tried() -> Any:
        shown = person.get(f"{hooks}/{made['id']}/deliveries", timeout=10).json()["results"]
        return [row for row in shown if row["tries"]]

    with working(stack):
        (delivery,) = wait_until(tried, seconds=60)
    assert (delivery["type"], delivery["lastError"]) == ("webhook.test", "name_unresolved")
    person.delete(f"{hooks}/{made['id']}", timeout=10)


def test_what_a_killed_sender_was_sending_is_sent_by_another(
    stack: Stack, person: requests.Session, serve: Callable[..., Site]
) -> None:
    hooks = f"{stack.url}/api/webhooks"
    made = person.post(hooks, json={"url": "http://example.test/hook"}, timeout=10).json()
    person.post(f"{hooks}/{made['id']}/test", timeout=10)
    thinking = serve(lambda *_: thinking.closing.wait(60) and None, answer(b""))
    send = _SEND.format(port=thinking.port)
    sender = stack.spawn("shell", "-c", send)
    wait_until(lambda: thinking.requests, seconds=60)
    os.kill(sender.pid, signal.SIGKILL)
    sender.wait(10)

    taking = serve(answer(b""))
    send = _SEND.format(port=taking.port)
    assert stack.manage("shell", "-c", send).split()[-1] == "0"  # it may still be alive
    stack.manage("shell", "-c", _LET_GO)  # as time does after the lease
    assert stack.manage("shell", "-c", send).split()[-1] == "1"
    (first,), (second,) = thinking.requests, taking.requests
    ids = [
        request.partition(b"Webhook-Id: ")[2].partition(b"\r\n")[0] for request in (first, second)
    ]
    assert ids[0] == ids[1] != b""
    shown = person.get(f"{hooks}/{made['id']}/deliveries", timeout=10).json()["results"]
    assert [row["state"] for row in shown] == ["delivered"]
