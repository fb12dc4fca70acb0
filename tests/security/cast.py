"""Alice's things, Bob's things, and who of them stands in which address.

`OBJECTS` is the table to add to: for each parameter of a route, by the path up to it, the thing of
the cast that stands there.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User, Wallet
from accounts.scopes import PERSONAL, Scope
from accounts.services import create_api_key
from links.services import create_campaign, create_link
from quests.appeals import appeal
from quests.authoring.services import create_quest
from quests.completions.completing import complete_quest
from quests.completions.correcting import hold_completion
from quests.models import Completion, Quest, Season
from quests.progress import submit_step
from quests.raffles.services import create_raffle
from realtime.messages.posting import post_message
from realtime.models import Room
from realtime.rooms import create_room
from tests.quests.conftest import PROOF
from tests.quests.outbox_cast import hook, on_its_way
from tests.security.operations import Operation, prefixes

# What nobody but Alice (and operators) may find or change; and what everybody may see.
HERS: dict[str, str] = {
    "/api/appeals/{public_id}": "appeal",
    "/api/auth/keys/{public_id}": "key",
    "/api/auth/wallets/{address}": "wallet",
    "/api/campaigns/{public_id}": "campaign",
    "/api/completions/{public_id}": "completion",
    "/api/ledger/{public_id}": "entry",
    "/api/links/{public_id}": "link",
    "/api/realtime/rooms/{slug}": "room",
    "/api/realtime/users/{user_id}": "user",
    "/api/reviews/{public_id}": "evidence",
    "/api/rooms/{slug}": "room",
    "/api/rooms/{slug}/members/{user_id}": "user",
    "/api/rooms/{slug}/messages/{seq}": "message",
    "/api/webhooks/{public_id}": "webhook",
    "/api/webhooks/{public_id}/deliveries/{delivery_id}": "delivery",
    "/completions/{public_id}": "completion",
    "/links/{public_id}": "link",
    "/rooms/{slug}": "room",
}
EVERYBODYS: dict[str, str] = {
    "/api/links/{public_id}/qr.{kind}": "kind",
    "/api/progress/complete/{number}": "quest",
    "/api/progress/start/{number}": "quest",
    "/api/progress/update/{number}": "quest",
    "/api/progress/verify/{number}": "quest",
    "/api/progress/visit/{number}": "quest",
    "/api/public/progress/quest/{number}": "quest",
    "/api/public/progress/user/{wallet}": "wallet",
    "/api/public/raffles/{slug}": "raffle",
    "/api/public/users/exists/{wallet}": "wallet",
    "/api/public/users/interaction/{wallet}": "wallet",
    "/api/public/users/profile/{wallet}": "wallet",
    "/api/quests/{number}": "quest",
    "/api/seasons/{slug}": "season",
    "/players/{name}": "name",
    "/quests/{number}": "quest",
    "/quests/{number}/steps/{key}": "step",
    "/raffles/{slug}": "raffle",
}
OBJECTS = HERS | EVERYBODYS
# For each body that a private operation takes, one that its owner would have success with.
BODIES: dict[str, dict[str, Any]] = {
    "AppealInputRequest": {"text": "I was there, ask anybody."},
    "DecisionInputRequest": {"note": "Seen."},
    "DisconnectInputRequest": {},
    "ExplainInputRequest": {"country": "FR"},
    "MemberInputRequest": {},
    "MessageInputRequest": {"body": "mine now"},
    "PatchedCampaignInputRequest": {"name": "mine now"},
    "PatchedLinkChangeRequest": {"url": "https://taken.example/"},
    "PatchedMessageChangeInputRequest": {"body": "mine now"},
    "PatchedRoomChangeInputRequest": {"name": "mine now", "version": 1},
    "PublishInputRequest": {"event": "news", "data": {}},
    "ReasonInputRequest": {"reason": "Because."},
    "VerdictInputRequest": {"note": "Seen."},
}
# Written down twice on purpose, here and at the view: one that loses its permission fails here.
OPERATORS = {
    "GET /api/appeals/waiting",
    "POST /api/appeals/{public_id}/decline",
    "POST /api/appeals/{public_id}/grant",
    "POST /api/completions/{public_id}/hold",
    "POST /api/completions/{public_id}/release",
    "POST /api/completions/{public_id}/reverse",
    "POST /api/evidence",
    "POST /api/ledger/{public_id}/reverse",
    "GET /api/performance",
    "POST /api/quests/{number}/dry-run",
    "POST /api/realtime/broadcast",
    "GET /api/realtime/connected",
    "POST /api/realtime/rooms/{slug}/send",
    "POST /api/realtime/users/{user_id}/disconnect",
    "GET /api/realtime/users/{user_id}/presence",
    "POST /api/realtime/users/{user_id}/send",
    "GET /api/reviews",
    "POST /api/reviews/{public_id}/approve",
    "GET /api/reviews/{public_id}/image",
    "POST /api/reviews/{public_id}/reject",
}
# A whole PNG of one point.
_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)


@dataclass
class Tenant:
    """Somebody, her things by name, and the texts by which others would notice them."""

    user: User
    things: dict[str, str]
    marks: set[str]

    def address_of(self, path: str) -> str:
        """The path with her things in it."""
        address = path
        for prefix in prefixes(path):
            assert prefix in OBJECTS, (
                f"{path}: nobody knows what stands at the end of {prefix}. "
                "Add it to HERS or EVERYBODYS in tests/security/cast.py, and the thing to `owns`."
            )
            name = prefix[prefix.rindex("{") :]
            address = address.replace(name, self.things[OBJECTS[prefix]], 1)
        return address


def body_of(operation: Operation) -> dict[str, Any] | None:
    if not operation.body:
        return None
    assert operation.body in BODIES, (
        f"{operation}: add a good {operation.body} to BODIES in tests/security/cast.py."
    )
    return BODIES[operation.body]


def is_private(path: str) -> bool:
    """Whether it names somebody's own things."""
    return any(prefix in HERS for prefix in prefixes(path))


def owns(user: User, shared: SimpleNamespace) -> Tenant:
    """One of everything that a person can have."""
    name = user.username
    campaign = create_campaign(owner=user, name=f"secret campaign of {name}")
    link = create_link(
        owner=user, slug=f"link-of-{name}", url=f"https://{name}.example/", campaign=campaign
    )
    key, _ = create_api_key(user=user, name=f"key of {name}", scopes=["links:read"])
    wallet = Wallet.objects.create(
        user=user, address="0x" + name.encode().hex().ljust(40, "0"), is_primary=True
    )
    webhook = hook(user, f"https://{name}.example/hook")
    delivery = on_its_way(webhook)
    room = create_room(creator=user, slug=f"room-of-{name}", name="Ours", kind=Room.Kind.PRIVATE)
    post_message(room=room, sender=user, body=f"whispered by {name}")
    completion = _held(user, shared.quests[0], shared.operator)
    asked = appeal(player=user, completion=completion, text=f"plea of {name}")
    other = _held(user, shared.quests[1], shared.operator)
    sent = submit_step(
        player=user, number=shared.proofs.number, key="proof", answer={"image": _image_of(name)}
    )
    assert sent.evidence
    things = {
        "appeal": asked.public_id, "key": key.public_id, "wallet": wallet.address,
        "campaign": campaign.public_id, "completion": other.public_id,
        "entry": other.entries.order_by("pk")[0].public_id, "link": link.public_id,
        "room": room.slug,
        "user": user.public_id, "name": name, "evidence": sent.evidence.public_id, "message": 1,
        "webhook": webhook.public_id, "delivery": delivery.public_id, **shared.things,
    }  # fmt: skip
    told = {name: str(thing) for name, thing in things.items()}
    hidden = ("appeal", "key", "campaign", "link", "room", "evidence", "webhook", "delivery")
    marks = {told[thing] for thing in hidden} | {
        f"secret campaign of {name}", link.slug, f"{name}.example", f"whispered by {name}",
        f"plea of {name}", f"key of {name}",
    }  # fmt: skip
    return Tenant(user, told, marks)


def world(operator: User) -> SimpleNamespace:
    """What belongs to nobody in particular."""
    season = Season.objects.create(
        slug="spring", name="Spring", starts_at=timezone.now(), ends_at=_in_days(30)
    )
    quests = [_quest(operator, f"Quest {number}") for number in range(3)]
    raffle = create_raffle(
        slug="hats", title="Hats", winners=1, closes_at=_in_days(1), actor=operator, quest=quests[0]
    )
    return SimpleNamespace(
        operator=operator,
        quests=quests,
        proofs=_quest(operator, "A photo", PROOF),
        things={
            "quest": quests[2].number, "season": season.slug, "raffle": raffle.slug, "kind": "svg",
            "step": "proof",
        },
    )  # fmt: skip


def key_of(user: User, *scopes: str) -> APIClient:
    """A program that holds a key of hers."""
    _, text = create_api_key(user=user, name="program", scopes=scopes or PERSONAL)
    return APIClient(headers={"Authorization": f"Bearer {text}"})


def key_without(user: User, missing: set[str]) -> APIClient:
    return key_of(user, *(set(Scope) - missing))


def ask(client: APIClient, operation: Operation, address: str, body: Any = None) -> Any:
    """The answer of the operation, and everything that it wrote undone."""
    with undone():
        return send(client, operation.method, address, body)


def send(client: APIClient, method: str, address: str, body: Any = None) -> Any:
    if method in {"GET", "HEAD"} or body is None:
        return client.generic(method, address)
    return getattr(client, method.lower())(address, body)


def text_of(answer: Any) -> str:
    """Also of an answer that streams."""
    content = answer.getvalue() if answer.streaming else answer.content
    return content.decode(errors="replace")


@contextmanager
def undone() -> Iterator[None]:
    """What is written inside never was."""
    mark = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(mark)


def _quest(operator: User, title: str, *steps: dict[str, Any]) -> Quest:
    document = {"title": title, "xpReward": 10, "status": "published", "steps": list(steps)}
    return create_quest(document=document, actor=operator)


def _held(user: User, quest: Quest, operator: User) -> Completion:
    done = complete_quest(player=user, number=quest.number)
    completion = Completion.objects.get(pk=done.completion_id)
    hold_completion(completion=completion, reason="A bot?", actor=operator)
    completion.refresh_from_db()
    return completion


def _image_of(name: str) -> str:
    """Everybody's is another one, for a copy would be noticed."""
    return base64.b64encode(_PIXEL + name.encode()).decode()


def _in_days(days: int) -> Any:
    return timezone.now() + timedelta(days=days)
