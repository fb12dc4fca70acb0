"""Deliveries over real connections; only where names lead to is made up."""

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NoReturn

import pytest
from django.db import connection, connections
from django.utils import timezone
from structlog.testing import capture_logs

from accounts.models import User
from links.addresses import OwnAddresses
from monitoring.logs import add_correlation_id
from monitoring.outbound import Connector
from monitoring.outbound.connector import Endpoint
from monitoring.trace import bound
from quests import tasks
from quests.models import AuditEntry, Delivery, Webhook
from quests.webhooks import posting, queue, sending
from quests.webhooks.posting import PORTS, post
from quests.webhooks.queue import claim_due, record
from quests.webhooks.sending import send_due
from quests.webhooks.signing import sign
from tests.quests.outbox_cast import State, complete, hook, on_its_way
from tests.quests.test_outbox import in_threads
from tests.sites import HERE, Handler, Site, answer, redirect, started_sites, towards

pytestmark = pytest.mark.django_db
serve = pytest.fixture(started_sites, name="serve")
OK = answer(b"", status="204 No Content")
NOWHERE = OwnAddresses()


def send(*sites: Site) -> int:
    """One tick; the name `one.test` leads to the first of the sites, and so on."""
    ports = dict(zip(("example.test", "two.test", "three.test"), sites, strict=False))

    def resolve(host: str, _: int) -> list[Endpoint]:
        return [(HERE, ports[host].port)]

    return send_due(seconds=20, connector=towards(sites[0], resolve=resolve, ports=PORTS))


def read(request: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, dict(line.split(": ", 1) for line in lines), body


def again_now(delivery: Delivery) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(next_try_at=timezone.now())


def state_of(delivery: Delivery) -> tuple[str, int, int | None, str]:
    delivery.refresh_from_db()
    return delivery.state, delivery.tries, delivery.last_status, delivery.last_error


def test_a_delivery_is_a_signed_post(alice: User, serve: Callable[..., Site]) -> None:
    site = serve(OK)
    webhook = hook(alice, "http://example.test:8080/hook?of=alice#part")
    with bound("request-4711"):
        delivery = on_its_way(webhook, name="Größe", xpEarned=10)
    assert send(site) == 1

    assert state_of(delivery) == ("delivered", 1, 204, "")
    assert delivery.finished_at is not None
    (request,) = site.requests
    first, headers, body = read(request)
    assert first == "POST /hook?of=alice HTTP/1.1"
    assert headers["Host"] == "example.test:8080"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"] == "Rallypoint/0.1.0 (+https://rally.test)"
    assert headers["X-Correlation-Id"] == "request-4711"
    event = delivery.event
    message = json.loads(body)
    assert body.decode() == (
        f'{{"id":"{event.public_id}","type":"quest.completed","createdAt":"{message["createdAt"]}",'
        f'"player":{{"id":"{alice.public_id}","username":"alice","walletAddress":null}},'
        '"data":{"name":"Größe","xpEarned":10}}'
    )
    age = event.created_at - datetime.fromisoformat(message["createdAt"])
    assert timedelta(0) <= age < timedelta(milliseconds=1)
    assert headers["Webhook-Id"] == str(event.public_id)
    assert abs(int(headers["Webhook-Timestamp"]) - time.time()) < 60
    key = base64.b64decode(webhook.secret[len("whsec_") :])
    signed = headers["Webhook-Id"].encode() + b"." + headers["Webhook-Timestamp"].encode() + b"."
    mac = hmac.new(key, signed + body, hashlib.sha256).digest()
    assert headers["Webhook-Signature"] == f"v1,{base64.b64encode(mac).decode()}"


def test_the_signature_is_that_of_the_specification() -> None:
    """The example that the reference implementations of Standard Webhooks are tested with."""
    signature = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("handler", "status", "error"),
    [
        (answer(status="500 Oh"), 500, "status"),
        (answer(status="404 Not Found"), 404, "status"),
        (redirect("http://10.0.0.1/"), 302, "redirected"),
        (redirect("http://example.test/again", "308 x"), 308, "redirected"),
        (answer(b"", status="304 Not Modified"), 304, "redirected"),
        (lambda connection, _: connection.sendall(b"SSH-2.0-OpenSSH\r\n"), None, "bad_response"),
        (lambda *_: None, None, "bad_response"),
    ],
)
def test_what_is_no_success_is_tried_again(
    alice: User, serve: Callable[..., Site], handler: Handler, status: int | None, error: str
) -> None:
    site = serve(handler)
    delivery = on_its_way(hook(alice))
    with capture_logs() as logs:
        assert send(site) == 1
    assert state_of(delivery) == ("waiting", 1, status, error)
    assert delivery.held_until is None
    assert len(site.requests) == 1
    assert [(entry["event"], entry["code"]) for entry in logs] == [("webhook_try_failed", error)]
    assert "example.test" not in str(logs)


def test_a_try_has_an_end_and_so_has_its_answer(alice: User, serve: Callable[..., Site]) -> None:
    def flood(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:  # until the client closes
            connection.sendall(b" " * 65_536)

    def drip(connection: socket.socket, _: bytes) -> None:
        while not slow.closing.wait(0.02):
            connection.sendall(b"H")

    delivery = on_its_way(hook(alice))
    generous, slow = serve(flood), serve(drip)
    started = time.monotonic()
    assert post(delivery, towards(generous), seconds=30) == (200, "")
    assert post(delivery, towards(slow), seconds=0.3) == (None, "timeout")
    assert time.monotonic() - started < 10


def test_once_the_status_is_given_the_rest_changes_nothing(
    alice: User, serve: Callable[..., Site]
) -> None:
    def drip(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not slow.closing.wait(0.02):
            connection.sendall(b"x")

    delivery = on_its_way(hook(alice))
    slow = serve(drip)
    assert post(delivery, towards(slow), seconds=0.3) == (200, "")
    for broken in ("Transfer-Encoding: chunked", "Content-Length: 100"):
        assert post(delivery, towards(serve(answer(b"zz", broken)))) == (200, "")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/", "https://169.254.169.254/", "http://[::1]/"]
)
def test_no_private_address_is_connected_to(
    alice: User, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    def refuse(endpoint: Endpoint, **_: object) -> NoReturn:
        raise AssertionError(f"connected to {endpoint}")

    monkeypatch.setattr("monitoring.outbound.connector.socket.create_connection", refuse)
    webhook = hook(alice, "https://example.com/")
    Webhook.objects.filter(pk=webhook.pk).update(url=url)  # it is refused when it is written out
    delivery = on_its_way(webhook)
    assert tasks.send_webhooks() == 1
    assert state_of(delivery) == ("waiting", 1, None, "address_forbidden")


def test_no_name_of_a_private_address_is_connected_to(
    alice: User, serve: Callable[..., Site]
) -> None:
    site = serve(OK)
    delivery = on_its_way(hook(alice))
    for addresses in (["10.0.0.1"], [HERE, "10.0.0.1"]):
        again_now(delivery)
        connector = Connector(
            resolve=lambda *_, found=addresses: [(a, site.port) for a in found],
            is_allowed=HERE.__eq__,
        )
        assert send_due(seconds=20, connector=connector) == 1
        assert state_of(delivery)[3] == "address_forbidden"
    assert site.requests == []


def test_a_name_that_became_private_since_the_last_try_is_refused(
    alice: User, serve: Callable[..., Site]
) -> None:
    site, delivery = serve(answer(status="500 Oh")), on_its_way(hook(alice))
    answers = iter([HERE, "127.0.0.2"])
    connector = towards(site, resolve=lambda *_: [(next(answers), site.port)])
    send_due(seconds=20, connector=connector)
    again_now(delivery)
    send_due(seconds=20, connector=connector)
    assert state_of(delivery) == ("waiting", 2, None, "address_forbidden")
    assert len(site.requests) == 1


def test_pauses_grow_with_full_jitter_up_to_six_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    lows: list[float] = []

    def draw(low: float, high: float) -> float:
        lows.append(low)
        return high

    monkeypatch.setattr(queue.random, "uniform", draw)
    pauses = [queue.pause_after(tries).total_seconds() for tries in range(1, queue.MAX_TRIES)]
    assert pauses == [5, 20, 80, 320, 1280, 5120, 20480, 21600, 21600, 21600, 21600]
    assert set(lows) == {0}
    assert sum(pauses) / 3600 == pytest.approx(31.6, abs=0.1)


def test_a_failed_delivery_waits_for_its_pause(
    alice: User, serve: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue.random, "uniform", lambda *bounds: max(bounds))
    site, delivery = serve(answer(status="503 Later")), on_its_way(hook(alice))
    send(site)
    delivery.refresh_from_db()
    assert timedelta(seconds=3) < delivery.next_try_at - timezone.now() <= timedelta(seconds=5)
    assert send(site) == 0


def test_after_the_last_try_it_is_dead(alice: User, serve: Callable[..., Site]) -> None:
    site, delivery = serve(answer(status="503 Later")), on_its_way(hook(alice))
    for _ in range(queue.MAX_TRIES):
        again_now(delivery)
        assert send(site) == 1
    assert state_of(delivery) == ("dead", queue.MAX_TRIES, 503, "status")
    assert delivery.finished_at is not None
    again_now(delivery)
    assert send(site) == 0
    ids = {read(request)[1]["Webhook-Id"] for request in site.requests}
    assert ids == {str(delivery.event.public_id)}
    assert len(site.requests) == queue.MAX_TRIES


def test_gone_gives_the_webhook_up(alice: User, serve: Callable[..., Site]) -> None:
    site, webhook = serve(answer(status="410 Gone")), hook(alice)
    deliveries = [on_its_way(webhook) for _ in range(3)]
    Delivery.objects.exclude(pk=deliveries[0].pk).update(next_try_at=timezone.now() + queue.LEASE)
    assert send(site) == 1
    assert [state_of(delivery) for delivery in deliveries] == [
        ("dead", 1, 410, "gone"),
        ("dead", 0, None, "gone"),
        ("dead", 0, None, "gone"),
    ]
    webhook.refresh_from_db()
    assert webhook.deleted_at is not None
    assert AuditEntry.objects.get().action == "webhook.gone"


def test_a_deleted_webhook_is_sent_nothing(alice: User, serve: Callable[..., Site]) -> None:
    site, webhook = serve(OK), hook(alice)
    delivery = on_its_way(webhook)
    (claimed,) = claim_due(10)
    webhook.deleted_at = timezone.now()
    webhook.save()
    Delivery.objects.update(held_until=None)
    assert send(site) == 0
    queue.give_up(webhook, error="webhook_deleted")
    assert state_of(delivery) == ("dead", 0, None, "webhook_deleted")
    assert not record(claimed, posting.Outcome(200, ""))
    assert state_of(delivery)[0] == "dead"


def test_what_a_killed_sender_held_another_sends_with_the_same_id(
    alice: User, serve: Callable[..., Site]
) -> None:
    site, delivery = serve(OK), on_its_way(hook(alice))
    (held,) = claim_due(10)
    assert post(held, towards(site)) == (204, "")  # and was killed before it could say so
    assert send(site) == 0  # while the lease runs it may still be alive
    Delivery.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    assert send(site) == 1
    assert state_of(delivery) == ("delivered", 1, 204, "")
    first, second = (read(request)[1] for request in site.requests)
    assert first["Webhook-Id"] == second["Webhook-Id"]
    assert not record(held, posting.Outcome(500, "status"))  # it was not dead after all
    assert state_of(delivery) == ("delivered", 1, 204, "")


def test_a_slow_receiver_does_not_hold_the_others_up(
    alice: User, bob: User, serve: Callable[..., Site]
) -> None:
    """The slow one answers only when all deliveries to the quick one have arrived."""
    arrived = threading.Semaphore(0)
    waited: list[bool] = []

    def slowly(connection: socket.socket, request: bytes) -> None:
        waited.append(all(arrived.acquire(timeout=8) for _ in range(20 if not waited else 0)))
        OK(connection, request)

    def quickly(connection: socket.socket, request: bytes) -> None:
        OK(connection, request)
        arrived.release()

    slow, quick = serve(slowly), serve(quickly)
    hers, his = hook(alice), hook(bob, "http://two.test/")
    for _ in range(20):
        on_its_way(hers)
    for _ in range(20):
        on_its_way(his)
    assert send(slow, quick) == 40
    assert waited == [True] * 20
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.DELIVERED}


def test_a_webhook_has_two_at_once_and_an_owner_eight(alice: User, bob: User) -> None:
    webhooks = [hook(alice) for _ in range(5)] + [hook(bob)]
    for _ in range(4):
        complete(alice)
        complete(bob)
    tasks.relay_outbox()
    claimed = claim_due(100)
    places = {webhook.pk: 0 for webhook in webhooks}
    for delivery in claimed:
        places[delivery.webhook_id] += 1
    assert sum(places.values()) == 10
    assert places[webhooks[-1].pk] == 2
    assert claim_due(100) == []
    record(next(c for c in claimed if c.webhook == webhooks[-1]), posting.Outcome(200, ""))
    (following,) = claim_due(100)
    assert following.webhook == webhooks[-1]


def test_a_long_queue_is_in_nobodys_way(alice: User, bob: User) -> None:
    long, short = hook(alice), hook(bob)
    for _ in range(50):
        complete(alice)
    tasks.relay_outbox()
    late = on_its_way(short)
    assert late in claim_due(2)
    assert long.deliveries.filter(held_until__isnull=False).count() == 1


def test_a_sender_that_was_overtaken_has_nothing_to_say(alice: User) -> None:
    delivery = on_its_way(hook(alice))
    (slow,) = claim_due(10)
    Delivery.objects.update(held_until=timezone.now())
    (quick,) = claim_due(10)
    assert not record(slow, posting.Outcome(500, "status"))
    assert state_of(delivery) == ("waiting", 0, None, "")
    assert record(quick, posting.Outcome(200, ""))
    assert state_of(delivery) == ("delivered", 1, 200, "")


def test_a_tick_with_nothing_to_send_takes_no_turn(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook(alice)

    def never(_: int) -> NoReturn:
        raise AssertionError("it would cost a connection a second")

    monkeypatch.setattr(sending, "turn", never)
    assert send_due(seconds=20) == 0


def test_a_fault_of_ours_counts_as_a_try_and_stops_nobody(
    alice: User, serve: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = serve(OK)
    with bound("request-4711"):
        broken = on_its_way(hook(alice))
    whole = on_its_way(hook(alice))
    Delivery.objects.filter(webhook=broken.webhook).exclude(pk=broken.pk).delete()

    def break_down(delivery: Delivery, connector: Connector) -> posting.Outcome:
        if delivery.pk == broken.pk:
            raise RuntimeError
        return post(delivery, connector)

    monkeypatch.setattr(sending, "post", break_down)
    monkeypatch.setattr(queue.random, "uniform", lambda *bounds: max(bounds))
    with capture_logs(processors=[add_correlation_id]) as logged:
        assert send(site) == 2
    assert state_of(broken) == ("waiting", 1, None, "internal_error")
    told = {line["event"]: line["correlation_id"] for line in logged if "event" in line}
    assert told["webhook_try_broke"] == told["webhook_try_failed"] == "request-4711"
    assert state_of(whole)[0] == "delivered"


@pytest.mark.django_db(transaction=True)
def test_claims_side_by_side_share_nothing(alice: User) -> None:
    for _ in range(4):
        hook(alice)
    complete(alice)
    tasks.relay_outbox()
    claimed = in_threads(4, lambda: [delivery.pk for delivery in claim_due(10)])
    assert sorted(pk for pks in claimed for pk in pks) == sorted(
        Delivery.objects.values_list("pk", flat=True)
    )


@pytest.mark.django_db(transaction=True)
def test_one_sender_claims_at_a_time(alice: User, serve: Callable[..., Site]) -> None:
    site = serve(OK)
    on_its_way(hook(alice))
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [sending._TURN])
        assert send(site) == 0
        cursor.execute("SELECT pg_advisory_unlock(%s)", [sending._TURN])
    other.close()
    assert send(site) == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [sending._TURN])
        assert cursor.fetchone() == (False,)  # it was given back
