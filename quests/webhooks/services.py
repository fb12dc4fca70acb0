"""What owners do with their webhooks. Each function owns its transaction."""

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from links.addresses import WEB_SCHEMES, AddressError, normalize_address
from links.fields import own_addresses, refusal
from monitoring.outbound.reach import is_public
from monitoring.postgresql.retries import retried
from monitoring.wire.problems import Problem
from quests import audit
from quests.models import Delivery, OutboxEvent, Webhook
from quests.outbox import announce
from quests.webhooks.posting import PORTS
from quests.webhooks.queue import give_up
from quests.webhooks.signing import new_secret

MAX_A_USER = 20
MAX_URL_LENGTH = 2048


@transaction.atomic
def create_webhook(*, owner: User, url: str, events: Sequence[str] = ()) -> tuple[Webhook, str]:
    """The webhook and its secret, which is never shown again. Problem: `too_many_webhooks` (409),
    or the code of what is wrong with the address (400)."""
    url = _clean_url(url)
    # Two at once would both count the other out; foreign keys to the owner need not wait.
    User.objects.select_for_update(no_key=True).get(pk=owner.pk)
    if Webhook.objects.filter(owner=owner, deleted_at=None).count() >= MAX_A_USER:
        detail = f"You have {MAX_A_USER} webhooks already."
        raise Problem("too_many_webhooks", detail, status=409)
    kinds = list(dict.fromkeys(events))
    webhook = Webhook.objects.create(owner=owner, url=url, events=kinds, secret=new_secret())
    return webhook, webhook.secret


@retried
def delete_webhook(*, webhook: Webhook, operator: User | None = None, reason: str = "") -> None:
    """Nothing more is sent to it; what waited is dead. The rows stay, for the accounts. Deleting
    twice changes nothing."""
    give_up(webhook, error="webhook_deleted")
    if operator:
        audit.record(actor=operator, action="webhook.deleted", subject=str(webhook), reason=reason)


@transaction.atomic
def send_test(*, webhook: Webhook) -> OutboxEvent:
    """A `webhook.test` event for this webhook alone, whatever kinds it asked for. Problem:
    `test_waiting` (409) while one waits for its first try, so that nobody is flooded through us."""
    Webhook.objects.select_for_update().get(pk=webhook.pk)
    kind, payload = OutboxEvent.Kind.WEBHOOK_TEST, {"webhook": str(webhook.public_id)}
    tests = OutboxEvent.objects.filter(kind=kind)
    if (
        tests.filter(relayed_at=None, payload=payload).exists()
        or tests.filter(deliveries__webhook=webhook, deliveries__tries=0).exists()
    ):
        raise Problem("test_waiting", "A test waits to be sent to this webhook.", status=409)
    return announce(kind=kind, player_id=webhook.owner_id, payload=payload)


@transaction.atomic
def resend(*, delivery: Delivery, operator: User | None = None) -> Delivery:
    """Begin anew with a delivery that was given up, or arrived and is wanted again. Problem:
    `webhook_deleted` or `delivery_waiting` (409); 404 when it has been forgotten meanwhile."""
    webhook = Webhook.objects.select_for_update().get(pk=delivery.webhook_id)
    if webhook.deleted_at is not None:
        raise Problem("webhook_deleted", "This webhook was deleted.", status=409)
    # The event is what retention locks, before it looks at the deliveries.
    if OutboxEvent.objects.select_for_update().filter(pk=delivery.event_id).first() is None:
        raise Problem("delivery_not_found", "There is no such delivery.", status=404)
    delivery = Delivery.objects.select_related("event").get(pk=delivery.pk)
    if delivery.state == Delivery.State.WAITING:
        raise Problem("delivery_waiting", "This delivery is on its way.", status=409)
    delivery.state, delivery.tries, delivery.finished_at = Delivery.State.WAITING, 0, None
    delivery.last_status, delivery.last_error, delivery.held_until = None, "", None
    delivery.next_try_at = timezone.now()
    delivery.save()
    if operator:
        subject = f"delivery {delivery.public_id}"
        audit.record(actor=operator, action="delivery.resent", subject=subject)
    return delivery


def _clean_url(url: str) -> str:
    """The rules for a link's target; an address of our own is one on any of our ports too. Where
    the name leads is checked when it is connected to, each time: it may change."""
    own = own_addresses()
    try:
        url = normalize_address(url, own=own._replace(ports=own.ports | PORTS))
    except AddressError as error:
        raise refusal("url", error.code, str(error)) from None
    parts = urlsplit(url)
    if parts.scheme not in WEB_SCHEMES:
        raise refusal("url", "url_scheme", "A webhook's address begins with https:// or http://.")
    if parts.port is not None and parts.port not in PORTS:
        ports = ", ".join(str(port) for port in sorted(PORTS))
        raise refusal("url", "url_port", f"A webhook's port is one of {ports}.")
    if _is_address(host := parts.hostname or "") and not is_public(host):
        raise refusal("url", "address_forbidden", "A webhook's address is a public one.")
    if len(url) > MAX_URL_LENGTH:
        raise refusal("url", "url_too_long", f"At most {MAX_URL_LENGTH:,} characters.")
    return url


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
