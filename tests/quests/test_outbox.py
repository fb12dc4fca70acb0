"""From an event to its deliveries: who hears of what, once, and never of what did not happen."""

import threading
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from monitoring.trace import bound
from quests import tasks
from quests.models import Delivery, OutboxEvent, Webhook
from quests.outbox import announce
from quests.webhooks import services
from quests.webhooks.relay import relay_once
from tests.quests.outbox_cast import Kind, complete, hook

pytestmark = pytest.mark.django_db


def heard(webhook: Webhook) -> list[str]:
    events = OutboxEvent.objects.filter(deliveries__webhook=webhook).order_by("id")
    return [event.payload.get("name", event.kind) for event in events]


def test_an_event_belongs_to_the_transaction_and_the_request_that_caused_it(alice: User) -> None:
    with transaction.atomic():
        complete(alice)
        transaction.set_rollback(True)
    assert not OutboxEvent.objects.exists()
    with bound("request-4711"):
        event = complete(alice, questId=7)
    event.refresh_from_db()
    assert (event.player, event.payload) == (alice, {"questId": 7})
    assert (event.correlation_id, event.relayed_at) == ("request-4711", None)


def test_a_player_hears_of_herself_and_an_operator_of_everybody(
    alice: User, bob: User, operator: User
) -> None:
    hers, his, all_of_them = hook(alice), hook(bob), hook(operator)
    complete(alice, name="alice")
    complete(bob, name="bob")
    complete(name="nobody")
    assert relay_once() == 3
    assert heard(hers) == ["alice"]
    assert heard(his) == ["bob"]
    assert heard(all_of_them) == ["alice", "bob", "nobody"]
    made = OutboxEvent.objects.order_by("id").values_list("deliveries_made", flat=True)
    assert list(made) == [2, 2, 1]


def test_a_webhook_hears_only_the_kinds_that_it_asked_for(alice: User) -> None:
    some, every = hook(alice, events=["xp.changed"]), hook(alice)
    complete(alice)
    announce(kind=Kind.XP_CHANGED, player_id=alice.pk, payload={})
    relay_once()
    assert heard(some) == ["xp.changed"]
    assert heard(every) == ["quest.completed", "xp.changed"]


def test_who_is_gone_hears_nothing(alice: User, operator: User) -> None:
    webhooks = [hook(alice), hook(operator)]
    services.delete_webhook(webhook=webhooks[0])
    User.objects.filter(pk=operator.pk).update(is_active=False)
    complete(alice)
    assert relay_once() == 1
    assert [heard(webhook) for webhook in webhooks] == [[], []]
    assert OutboxEvent.objects.get().deliveries_made == 0


def test_an_operator_no_more_hears_only_of_herself(alice: User, operator: User) -> None:
    webhook = hook(operator)
    User.objects.filter(pk=operator.pk).update(is_staff=False)
    complete(alice, name="alice")
    complete(operator, name="own")
    relay_once()
    assert heard(webhook) == ["own"]


def test_a_test_reaches_its_own_webhook_alone(alice: User, operator: User) -> None:
    tested, other, watching = hook(alice, events=["xp.changed"]), hook(alice), hook(operator)
    services.send_test(webhook=tested)
    relay_once()
    assert heard(tested) == ["webhook.test"]
    assert heard(other) == heard(watching) == []
    announce(kind=Kind.WEBHOOK_TEST, player_id=alice.pk, payload={"webhook": str(uuid4())})
    relay_once()
    assert Delivery.objects.count() == 1


def test_relaying_twice_makes_nothing_new(alice: User) -> None:
    hook(alice)
    event = complete(alice)
    assert relay_once() == 1
    assert relay_once() == 0
    OutboxEvent.objects.filter(pk=event.pk).update(relayed_at=None, deliveries_made=None)
    assert relay_once() == 1
    event.refresh_from_db()
    assert (event.deliveries_made, Delivery.objects.count()) == (1, 1)


def test_a_batch_costs_four_queries_however_many_events(
    alice: User, operator: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    hook(alice)
    hook(operator)
    for number in range(20):
        complete(alice, name=number)
    with django_assert_num_queries(4):  # two of them are the savepoint
        assert relay_once(batch=15) == 15
    assert relay_once(batch=15) == 5
    assert Delivery.objects.count() == 40


def test_the_task_relays_all_that_waits(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "BATCH", 2)
    monkeypatch.setattr(tasks, "relay_once", lambda: relay_once(batch=2))
    for _ in range(5):
        complete(alice)
    assert tasks.relay_outbox() == 5
    assert not OutboxEvent.objects.filter(relayed_at=None).exists()


def in_threads(count: int, work: Any) -> list[Any]:
    """What each of them returned; all begin together, each with a connection of its own."""
    start, results = threading.Barrier(count), []

    def run() -> None:
        start.wait(10)
        try:
            results.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


@pytest.mark.django_db(transaction=True)
def test_relays_side_by_side_make_each_delivery_once(alice: User, operator: User) -> None:
    hook(alice)
    hook(operator)
    for _ in range(60):
        complete(alice)

    def relay_all() -> int:
        relayed = 0
        while batch := relay_once(batch=7):
            relayed += batch
        return relayed

    assert sum(in_threads(4, relay_all)) == 60
    assert Delivery.objects.count() == 120
    assert set(OutboxEvent.objects.values_list("deliveries_made", flat=True)) == {2}


@pytest.mark.django_db(transaction=True)
def test_a_relay_leaves_what_another_holds_and_goes_on(alice: User) -> None:
    webhook = hook(alice)
    held = complete(alice, name="held")
    complete(alice, name="free")
    with transaction.atomic():
        OutboxEvent.objects.select_for_update().get(pk=held.pk)
        assert in_threads(1, relay_once) == [1]
    assert heard(webhook) == ["free"]
    assert relay_once() == 1
    assert heard(webhook) == ["held", "free"]
