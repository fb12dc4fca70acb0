"""A receiver that keeps silent does not hold up the others."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from monitoring.outbound import Connector
from quests.models import Delivery
from quests.webhooks import queue, sending
from quests.webhooks.posting import Outcome
from quests.webhooks.sending import send_due
from tests.quests.outbox_cast import hook, on_its_way

pytestmark = pytest.mark.django_db


class Receivers:
    """Who was asked, by webhook; those in `silent` give no answer."""

    def __init__(self) -> None:
        self.silent: set[int] = set()
        self.asked: list[int] = []

    def __call__(self, delivery: Delivery, _: Connector) -> Outcome:
        self.asked.append(delivery.webhook_id)
        is_silent = delivery.webhook_id in self.silent
        return Outcome(None, "timeout") if is_silent else Outcome(204, "")

    def try_once(self, delivery: Delivery, **columns: int) -> tuple[str, int, str]:
        now, later = timezone.now(), timezone.now() + timedelta(hours=1)
        Delivery.objects.filter(pk=delivery.pk).update(next_try_at=now, **columns)
        Delivery.objects.exclude(pk=delivery.pk).update(next_try_at=later)
        assert send_due(seconds=20) == 1
        delivery.refresh_from_db()
        return delivery.state, delivery.tries, delivery.last_error


@pytest.fixture
def receivers(monkeypatch: pytest.MonkeyPatch) -> Receivers:
    made = Receivers()
    monkeypatch.setattr(sending, "post", made)
    return made


def test_after_some_silence_it_is_not_asked(alice: User, bob: User, receivers: Receivers) -> None:
    silent, other = hook(alice), hook(bob)
    receivers.silent = {silent.pk}
    for _ in range(5):
        assert receivers.try_once(on_its_way(silent)) == ("waiting", 1, "timeout")
    assert receivers.try_once(on_its_way(silent)) == ("waiting", 1, "circuit_open")
    assert receivers.asked == [silent.pk] * 5
    assert receivers.try_once(on_its_way(other)) == ("delivered", 1, "")


def test_nothing_is_given_up_unasked(alice: User, receivers: Receivers) -> None:
    webhook = hook(alice)
    sending._BREAKERS.of(webhook.pk).trip()
    delivery = on_its_way(webhook)
    assert receivers.try_once(delivery) == ("waiting", 1, "circuit_open")
    last = queue.MAX_TRIES - 1
    assert receivers.try_once(delivery, tries=last) == ("delivered", last + 1, "")


def test_quick_refusals_hold_nobody_up(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook = hook(alice)
    monkeypatch.setattr(sending, "post", lambda *_: Outcome(503, "status"))
    for _ in range(8):
        Delivery.objects.update(next_try_at=timezone.now() + timedelta(hours=1))
        delivery = on_its_way(webhook)
        send_due(seconds=20)
        delivery.refresh_from_db()
        assert delivery.last_error == "status"
