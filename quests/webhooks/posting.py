"""One try: an event as a signed POST to where its webhook is."""

import json
import time
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings

from accounts.selectors import primary_addresses
from monitoring.outbound import Connector, Deadline, OutboundError, Request, ask
from monitoring.trace import HEADER as CORRELATION_HEADER
from monitoring.wire.fields import instant
from quests.models import Delivery, OutboxEvent
from quests.webhooks.signing import sign

# Beside the ports of the web, those where test servers and gateways usually answer.
PORTS = frozenset({80, 443, 8080, 8443})
# Seconds for everything: name look-up, connecting, sending, the answer.
PATIENCE = 10.0
MAX_ANSWER_BYTES = 64 * 1024
GONE = 410


class Outcome(NamedTuple):
    """`error` is empty when it arrived; else a code, never an address or what the receiver said."""

    status: int | None
    error: str


def post(delivery: Delivery, connector: Connector, *, seconds: float = PATIENCE) -> Outcome:
    """The receiver's status decides. Of its answer nothing is kept, and no redirect is followed:
    where it leads was not what the owner entered."""
    request = _request(delivery)
    deadline = Deadline(seconds)
    try:
        with ask(
            request, connector=connector, deadline=deadline, budget=MAX_ANSWER_BYTES
        ) as response:
            _read_away(response)
            return Outcome(response.status, _error(response.status))
    except OutboundError as error:
        return Outcome(None, error.code)


def body_of(event: OutboxEvent) -> bytes:
    message = {
        "id": str(event.public_id),
        "type": event.kind,
        "createdAt": instant(event.created_at),
        "player": _player(event),
        "data": event.payload,
    }
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()


def _player(event: OutboxEvent) -> dict[str, str | None] | None:
    """Whom it is about, as she is now; null when it is about nobody."""
    if event.player is None:
        return None
    return {
        "id": str(event.player.public_id),
        "username": event.player.username,
        "walletAddress": primary_addresses([event.player.pk]).get(event.player.pk),
    }


def _request(delivery: Delivery) -> Request:
    event, body, now = delivery.event, body_of(delivery.event), int(time.time())
    message_id = str(event.public_id)  # the same in every try: who has seen it knows it again
    signature = sign(delivery.webhook.secret, message_id=message_id, timestamp=now, body=body)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"Rallypoint/{settings.VERSION} (+{settings.PUBLIC_URL})",
        "Webhook-Id": message_id,
        "Webhook-Timestamp": str(now),
        "Webhook-Signature": signature,
        CORRELATION_HEADER: event.correlation_id or event.public_id.hex,
    }
    return Request("POST", urlsplit(delivery.webhook.url), headers, body)


def _read_away(response: HTTPResponse) -> None:
    """A courtesy, up to the budget: closed while it still writes, a server sees a broken
    connection. What goes wrong here changes nothing, the status has been given."""
    with suppress(OSError, HTTPException, ValueError, OutboundError):
        response.read()


def _error(status: int) -> str:
    if 200 <= status < 300:
        return ""
    if status == GONE:
        return "gone"
    return "redirected" if 300 <= status < 400 else "status"
