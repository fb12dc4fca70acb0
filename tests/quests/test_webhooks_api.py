"""/api/webhooks."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import create_api_key
from quests.models import Delivery, OutboxEvent, Webhook
from quests.webhooks import queue, services
from quests.webhooks.posting import Outcome
from quests.webhooks.relay import relay_once
from tests.quests.outbox_cast import State, complete, hook, on_its_way

pytestmark = pytest.mark.django_db
HOOKS = "/api/webhooks"
URL = "https://example.com/hook"
Api = Callable[..., APIClient]


@pytest.fixture
def hers(api: Api, alice: User) -> APIClient:
    return api(alice)


def finished(delivery: Delivery, state: str = "dead") -> Delivery:
    Delivery.objects.filter(pk=delivery.pk).update(
        state=state, tries=12, last_status=503, last_error="status", finished_at=timezone.now()
    )
    delivery.refresh_from_db()
    return delivery


def test_the_secret_is_shown_once(alice: User, hers: APIClient) -> None:
    made = hers.post(HOOKS, {"url": URL, "events": ["xp.changed", "xp.changed"]})
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    body = made.json()
    secret = body.pop("secret")
    assert secret.startswith("whsec_")
    webhook = Webhook.objects.get()
    assert (webhook.secret, webhook.owner, webhook.events) == (secret, alice, ["xp.changed"])
    assert made["Location"] == f"{HOOKS}/{webhook.public_id}"
    assert set(body) == {"id", "url", "events", "createdAt"}
    assert hers.get(made["Location"]).json() == body
    assert hers.get(HOOKS).json() == {"next": None, "previous": None, "results": [body]}


def test_no_two_secrets_are_the_same(hers: APIClient) -> None:
    made = [hers.post(HOOKS, {"url": URL}).json()["secret"] for _ in range(2)]
    assert made[0] != made[1]


def test_repeating_the_request_makes_no_second_one_and_keeps_no_secret(hers: APIClient) -> None:
    again = {"Idempotency-Key": "hook-1"}
    assert hers.post(HOOKS, {"url": URL}, headers=again).status_code == 201
    repeated = hers.post(HOOKS, {"url": URL}, headers=again)
    assert (repeated.status_code, "secret" in repeated.json()) == (409, False)
    assert Webhook.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "field", "code"),
    [
        ({"url": ""}, "url", "blank"),
        ({"url": None}, "url", "null"),
        ({"url": "example.com"}, "url", "url_scheme"),
        ({"url": "ftp://example.com/"}, "url", "url_scheme"),
        ({"url": "mailto:a@example.com"}, "url", "url_scheme"),
        ({"url": "https://user:secret@example.com/"}, "url", "url_credentials"),
        ({"url": "https://rally.test/hook"}, "url", "url_own_domain"),
        ({"url": "http://localhost:8080/hook"}, "url", "url_own_domain"),
        ({"url": "http://127.0.0.1/hook"}, "url", "url_own_domain"),
        ({"url": "https://example.com:22/"}, "url", "url_port"),
        ({"url": "https://example.com/" + "x" * 2048}, "url", "max_length"),
        ({"url": "https://example.com/" + "ü" * 1000}, "url", "url_too_long"),
        ({"events": "xp.changed"}, "events", "not_a_list"),
        ({"events": ["xp.flown"]}, "events.0", "invalid_choice"),
        ({"events": ["webhook.test"]}, "events.0", "invalid_choice"),
        ({"secret": "whsec_mine"}, "secret", "unknown_field"),
    ],
)
def test_what_is_wrong_is_named(
    hers: APIClient, wrong: dict[str, Any], field: str, code: str
) -> None:
    answer = hers.post(HOOKS, {"url": URL, **wrong})
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == (field, code)
    assert not Webhook.objects.exists()


@pytest.mark.parametrize("url", [URL, "http://example.com/", "https://example.com:8443/a?b=c"])
def test_https_and_http_may_be_asked_for(hers: APIClient, url: str) -> None:
    assert hers.post(HOOKS, {"url": url}).json()["url"] == url


def test_the_twenty_first_is_one_too_many(alice: User, bob: User, hers: APIClient) -> None:
    webhooks = [hook(alice) for _ in range(20)]
    refused = hers.post(HOOKS, {"url": URL})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_webhooks")
    services.create_webhook(owner=bob, url=URL)
    assert hers.delete(f"{HOOKS}/{webhooks[0].public_id}").status_code == 204
    assert hers.post(HOOKS, {"url": URL}).status_code == 201


def test_a_deleted_one_is_gone_and_what_waited_is_dead(alice: User, hers: APIClient) -> None:
    webhook = hook(alice)
    arrived, waiting = on_its_way(webhook), on_its_way(webhook)
    finished(arrived, "delivered")
    path = f"{HOOKS}/{webhook.public_id}"
    assert hers.delete(path).status_code == 204
    assert hers.delete(path).status_code == 404
    assert hers.get(HOOKS).json()["results"] == []
    waiting.refresh_from_db()
    assert (waiting.state, waiting.last_error) == ("dead", "webhook_deleted")
    assert waiting.finished_at is not None
    arrived.refresh_from_db()
    assert arrived.state == "delivered"


def test_those_of_somebody_else_are_not_there(alice: User, bob: User, api: Api) -> None:
    delivery = finished(on_its_way(hook(alice)))
    own = hook(bob)
    path = f"{HOOKS}/{delivery.webhook.public_id}"
    his = api(bob)
    for answer in (
        his.get(path),
        his.delete(path),
        his.post(f"{path}/test"),
        his.get(f"{path}/deliveries"),
        his.post(f"{path}/deliveries/{delivery.public_id}/resend"),
        his.get(f"{HOOKS}/{uuid4()}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "webhook_not_found")
    through_own = his.post(f"{HOOKS}/{own.public_id}/deliveries/{delivery.public_id}/resend")
    assert (through_own.status_code, through_own.json()["code"]) == (404, "delivery_not_found")
    assert [found["id"] for found in his.get(HOOKS).json()["results"]] == [str(own.public_id)]
    delivery.refresh_from_db()
    assert delivery.state == State.DEAD
    assert Webhook.objects.filter(deleted_at=None).count() == 2


def test_a_key_and_nobody_are_refused(alice: User, api: Api) -> None:
    _, text = create_api_key(user=alice, name="Website", scopes=["quests:read", "quests:write"])
    by_key = APIClient(headers={"X-API-Key": text}).get(HOOKS)
    assert (by_key.status_code, by_key.json()["code"]) == (403, "person_required")
    assert api().get(HOOKS).status_code == 401


def test_a_test_is_on_its_way_once(alice: User, hers: APIClient) -> None:
    webhook = hook(alice)
    path = f"{HOOKS}/{webhook.public_id}/test"
    asked = hers.post(path)
    event = OutboxEvent.objects.get()
    assert (asked.status_code, asked.json()) == (202, {"eventId": str(event.public_id)})
    assert event.payload == {"webhook": str(webhook.public_id)}
    assert hers.post(path).json()["code"] == "test_waiting"
    relay_once()
    assert hers.post(path).status_code == 409
    assert hers.post(f"{HOOKS}/{hook(alice).public_id}/test").status_code == 202
    (delivery,) = queue.claim_due(10)
    queue.record(delivery, Outcome(503, "status"))
    assert hers.post(path).status_code == 202


def test_deliveries_tell_what_became_of_them(
    alice: User, hers: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    webhook = hook(alice)
    dead, waiting = finished(on_its_way(webhook)), on_its_way(webhook)
    path = f"{HOOKS}/{webhook.public_id}/deliveries"
    with django_assert_num_queries(4):  # the session, its person, the webhook, the page
        shown = hers.get(path).json()["results"]
    assert [row["id"] for row in shown] == [str(waiting.public_id), str(dead.public_id)]
    moments = {name: shown[1].pop(name) for name in ("createdAt", "finishedAt")}
    assert all(moment.endswith("Z") for moment in moments.values())
    assert shown[1] == {
        "id": str(dead.public_id),
        "eventId": str(dead.event.public_id),
        "type": "quest.completed",
        "state": "dead",
        "tries": 12,
        "nextTryAt": None,
        "lastStatus": 503,
        "lastError": "status",
    }
    assert shown[0]["nextTryAt"].endswith("Z")
    (found,) = hers.get(path, {"state": "dead"}).json()["results"]
    assert found["id"] == str(dead.public_id)
    assert hers.get(path, {"state": "lost"}).status_code == 400
    page = hers.get(path, {"limit": 1}).json()
    assert hers.get(page["next"]).json()["results"][0]["id"] == str(dead.public_id)


@pytest.mark.parametrize("state", ["dead", "delivered"])
def test_a_finished_delivery_is_sent_again(alice: User, hers: APIClient, state: str) -> None:
    delivery = finished(on_its_way(hook(alice)), state)
    path = f"{HOOKS}/{delivery.webhook.public_id}/deliveries/{delivery.public_id}/resend"
    again = hers.post(path)
    assert (again.status_code, again.json()["state"], again.json()["tries"]) == (202, "waiting", 0)
    assert again.json()["finishedAt"] is again.json()["lastStatus"] is None
    assert queue.claim_due(10) == [delivery]
    refused = hers.post(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "delivery_waiting")


def test_to_a_deleted_webhook_nothing_is_sent_again(alice: User) -> None:
    delivery = finished(on_its_way(hook(alice)))
    services.delete_webhook(webhook=delivery.webhook)
    with pytest.raises(services.Problem, match="deleted"):
        services.resend(delivery=delivery)


def test_a_list_costs_three_queries_however_long_it_is(
    alice: User, hers: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    webhooks = [hook(alice) for _ in range(3)]
    complete(alice)
    with django_assert_num_queries(3):
        shown = hers.get(HOOKS).json()["results"]
    assert [row["id"] for row in shown] == [str(one.public_id) for one in reversed(webhooks)]
    assert "secret" not in str(shown)
    assert hers.get(HOOKS, {"sort": "url"}).status_code == 400


@pytest.mark.parametrize("host", ["10.0.0.1", "169.254.169.254", "[fe80::1]", "[64:ff9b::7f00:1]"])
def test_a_private_address_is_refused_when_it_is_written_out(
    alice: User, api: Callable[..., APIClient], host: str
) -> None:
    refused = api(alice).post("/api/webhooks", {"url": f"https://{host}/"})

    assert refused.status_code == 400, refused.content
