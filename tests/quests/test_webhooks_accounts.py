"""E4, what is forgotten and what is not, and what health and metrics tell."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from monitoring.health.report import Status
from quests import tasks
from quests.health import check_outbox
from quests.metrics import outbox
from quests.models import Delivery, OutboxEvent
from quests.webhooks import retention, services
from quests.webhooks.accounting import KindAccount, account_for_outbox
from quests.webhooks.posting import Outcome
from quests.webhooks.queue import MAX_TRIES, claim_due, record
from quests.webhooks.relay import relay_once
from tests.quests.outbox_cast import complete, hook, on_its_way
from tests.quests.test_outbox import in_threads

pytestmark = pytest.mark.django_db


def aged(event: OutboxEvent, days: float) -> None:
    OutboxEvent.objects.filter(pk=event.pk).update(created_at=timezone.now() - timedelta(days=days))


def settle(delivery: Delivery, outcome: Outcome, *, tries: int = 0) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(tries=tries)
    (claimed,) = (one for one in claim_due(10) if one.pk == delivery.pk)
    assert record(claimed, outcome)


def arrived(delivery: Delivery) -> Delivery:
    settle(delivery, Outcome(200, ""))
    return delivery


def given_up(delivery: Delivery) -> Delivery:
    settle(delivery, Outcome(None, "timeout"), tries=MAX_TRIES - 1)
    return delivery


def test_every_delivery_is_accounted_for(alice: User, operator: User) -> None:
    webhook = hook(alice)
    arrived(on_its_way(webhook))
    given_up(on_its_way(webhook))
    on_its_way(webhook)
    services.send_test(webhook=webhook)
    complete(alice)
    report = account_for_outbox()
    assert report.kinds == [
        KindAccount("quest.completed", 1, created=3, delivered=1, dead=1, waiting=1),
        KindAccount("webhook.test", 1, created=0, delivered=0, dead=0, waiting=0),
    ]
    assert report.total == KindAccount("all", 2, 3, 1, 1, 1)
    assert report.is_clean


def test_an_empty_house_has_an_account_too() -> None:
    report = account_for_outbox()
    assert (report.kinds, report.is_clean) == ([], True)
    assert report.total == KindAccount("all", 0, 0, 0, 0, 0)


def test_sending_again_changes_no_sum(alice: User) -> None:
    services.resend(delivery=given_up(on_its_way(hook(alice))))
    assert account_for_outbox().total == KindAccount("all", 0, 1, 0, 0, 1)


def test_a_delivery_that_is_missing_or_too_many_is_a_difference(alice: User) -> None:
    lost, doubled, early = (on_its_way(hook(alice)) for _ in range(3))
    Delivery.objects.filter(event=lost.event).delete()
    OutboxEvent.objects.filter(pk=doubled.event_id).update(deliveries_made=1)
    OutboxEvent.objects.filter(pk=early.event_id).update(relayed_at=None, deliveries_made=None)
    report = account_for_outbox()
    assert not report.is_clean
    assert [(one.equation, one.subject, one.expected, one.found) for one in report.differences] == [
        ("E4", f"quest.completed {lost.event.public_id}", 1, 0),
        ("E4", f"quest.completed {doubled.event.public_id}", 1, 2),
        ("E4", f"quest.completed {early.event.public_id}", 0, 3),
    ]


def test_what_arrived_is_forgotten_after_thirty_days_and_what_died_after_ninety(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    webhook = hook(alice)
    kept = [
        (arrived(on_its_way(webhook)).event, 29),
        (given_up(on_its_way(webhook)).event, 89),
        (on_its_way(webhook).event, 400),
    ]
    gone = [(arrived(on_its_way(webhook)).event, 31) for _ in range(3)]
    gone.append((given_up(on_its_way(webhook)).event, 91))
    webhook.events = ["season.closed"]
    webhook.save()
    gone.append((complete(alice), 31))  # nobody heard of it
    relay_once()
    kept.append((complete(alice), 400))  # not relayed
    for event, days in kept + gone:
        aged(event, days)
    assert tasks.forget_delivered() == len(gone)
    assert set(OutboxEvent.objects.all()) == {event for event, _ in kept}
    assert Delivery.objects.count() == 3
    assert account_for_outbox().is_clean


def test_what_somebody_has_sent_again_meanwhile_is_not_forgotten(alice: User) -> None:
    delivery = arrived(on_its_way(hook(alice)))
    aged(delivery.event, 31)
    ids = retention._old_events(after=0)
    services.resend(delivery=delivery)
    assert ids == [delivery.event_id]
    assert retention._forget(ids) == 0
    assert Delivery.objects.get().state == "waiting"


@pytest.mark.django_db(transaction=True)
def test_what_is_being_sent_again_at_this_moment_is_left_alone(alice: User) -> None:
    delivery = arrived(on_its_way(hook(alice)))
    aged(delivery.event, 31)
    with transaction.atomic():
        services.resend(delivery=delivery)
        assert in_threads(1, retention.forget_delivered) == [0]
    assert Delivery.objects.get().state == "waiting"


def test_an_event_that_waits_for_more_than_a_minute_is_a_sign(alice: User) -> None:
    hook(alice)
    assert check_outbox().status == Status.HEALTHY
    event = complete(alice)
    aged(event, 59 / 86_400)
    assert check_outbox().status == Status.HEALTHY
    aged(event, 61 / 86_400)
    check = check_outbox()
    assert check.status == Status.DEGRADED
    assert (check.details["waitingEvents"], round(check.details["lagSeconds"])) == (1, 61)
    relay_once()
    Delivery.objects.update(next_try_at=timezone.now() - timedelta(hours=1))
    check = check_outbox()
    assert check.status == Status.HEALTHY  # a receiver that is away is no fault of ours
    assert (check.details["waitingDeliveries"], round(check.details["overdueSeconds"])) == (1, 3600)


def test_metrics_tell_what_waits_and_for_how_long(alice: User) -> None:
    delivery = on_its_way(hook(alice))
    Delivery.objects.filter(pk=delivery.pk).update(next_try_at=timezone.now() + timedelta(hours=1))
    aged(complete(alice), 1)
    told = {measure: round(value) for (measure,), value in outbox().items()}
    assert told == {
        "waiting_events": 1,
        "lag_seconds": 86_400,
        "waiting_deliveries": 1,
        "overdue_seconds": 0,
    }


def test_the_schedule_knows_every_task() -> None:
    plan = {entry["task"]: entry["schedule"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert plan[tasks.relay_outbox.name] == plan[tasks.send_webhooks.name] == 1.0
    assert plan[tasks.forget_delivered.name] == 3600.0
