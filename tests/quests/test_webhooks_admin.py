"""The operators' pages about webhooks."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from monitoring.trace import correlation_id
from quests import audit
from quests.models import AuditEntry, Delivery, OutboxEvent, Webhook
from tests.quests.outbox_cast import State, hook, on_its_way

pytestmark = pytest.mark.django_db
MODELS = ["webhook", "delivery", "outboxevent", "auditentry"]


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root")


@pytest.fixture
def pages(client: Client, root: User) -> Client:
    client.force_login(root)
    return client


def dead(owner: User) -> Delivery:
    delivery = on_its_way(hook(owner))
    Delivery.objects.filter(pk=delivery.pk).update(
        state=State.DEAD, tries=12, last_error="timeout", finished_at=timezone.now()
    )
    delivery.refresh_from_db()
    return delivery


def act(pages: Client, model: str, action: str, *rows: Delivery | Webhook) -> str:
    form = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    answer = pages.post(f"/admin/quests/{model}/", form, follow=True)
    return re.sub(r"\s+", " ", answer.content.decode())


def test_every_list_and_row_opens_and_is_searched(pages: Client, alice: User, root: User) -> None:
    delivery = dead(alice)
    entry = audit.record(actor=root, action="webhook.deleted", subject="webhook 1", reason="Abuse")
    rows = {
        "webhook": (delivery.webhook, "alice"),
        "delivery": (delivery, str(delivery.event.public_id)),
        "outboxevent": (delivery.event, "alice"),
        "auditentry": (entry, "abuse"),
    }
    for model, (row, search) in rows.items():
        base = f"/admin/quests/{model}/"
        assert list(pages.get(base, {"q": search}).context["cl"].queryset) == [row]
        page = pages.get(f"{base}{row.pk}/change/")
        assert page.status_code == 200
        assert delivery.webhook.secret not in page.content.decode()
        assert delivery.webhook.secret not in pages.get(base).content.decode()
        assert pages.get(f"{base}add/").status_code == 403
        assert pages.post(f"{base}{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_the_log_is_narrowed_by_what_became_of_it(pages: Client, alice: User) -> None:
    delivery = dead(alice)
    on_its_way(delivery.webhook)
    for query in ({"state__exact": "dead"}, {"last_error": "timeout"}):
        found = pages.get("/admin/quests/delivery/", query).context["cl"].queryset
        assert list(found) == [delivery]
    live = pages.get("/admin/quests/webhook/", {"deleted_at__isempty": "1"}).context["cl"]
    assert live.result_count == 1


def test_a_list_costs_a_fixed_number_of_queries(
    pages: Client, alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(5):
        dead(alice)
    # The session, its person, how many (twice: some and all), a page, and two filters' values.
    with django_assert_num_queries(7):  # one of them for the number in the sidebar
        pages.get("/admin/quests/delivery/")


def test_an_operator_has_deliveries_sent_again(pages: Client, alice: User, root: User) -> None:
    delivery = dead(alice)
    waiting = on_its_way(delivery.webhook)
    page = act(pages, "delivery", "send_again", delivery, waiting)
    assert "1 deliveries are sent again." in page
    assert "This delivery is on its way." in page
    delivery.refresh_from_db()
    assert (delivery.state, delivery.tries) == ("waiting", 0)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action) == (root, "delivery.resent")
    assert entry.subject == f"delivery {delivery.public_id}"
    assert entry.correlation_id


def test_an_operator_deletes_a_webhook(pages: Client, alice: User, root: User) -> None:
    waiting = on_its_way(hook(alice))
    assert "1 webhooks deleted." in act(pages, "webhook", "delete_webhooks", waiting.webhook)
    assert "0 webhooks deleted." in act(pages, "webhook", "delete_webhooks", waiting.webhook)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.last_error) == ("dead", "webhook_deleted")
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.subject) == (root, f"webhook {waiting.webhook.public_id}")


def test_who_may_only_look_changes_nothing(client: Client, operator: User, alice: User) -> None:
    delivery = dead(alice)
    looks = Permission.objects.filter(codename__in=[f"view_{model}" for model in MODELS])
    operator.user_permissions.set(looks)
    client.force_login(operator)
    act(client, "delivery", "send_again", delivery)
    act(client, "webhook", "delete_webhooks", delivery.webhook)
    delivery.refresh_from_db()
    assert delivery.state == State.DEAD
    assert not Webhook.objects.filter(deleted_at__isnull=False).exists()
    page = re.sub(r"\s+", " ", client.get("/admin/").content.decode())
    shown = re.findall(r"<span>([A-Z][\w -]+)</span>", page)
    assert shown == ["Audit", "Webhooks", "Deliveries", "Events"]


def test_an_entry_keeps_the_reason_and_the_detail(operator: User) -> None:
    entry = audit.record(
        actor=operator, action="quest.paused", subject="quest 7", reason="Broken", version=3
    )
    entry.refresh_from_db()
    assert (entry.actor, entry.reason, entry.detail) == (operator, "Broken", {"version": 3})
    assert entry.correlation_id == correlation_id()
    assert OutboxEvent.objects.count() == 0
