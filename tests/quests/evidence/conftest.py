"""What tests of evidence share: opening a player's address, being in rooms, and the tasks run at
once, after the commit."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import User
from config.celery import app
from links.clicks.drain import drain_once
from links.models import Link
from links.redirect.click import new_event_id
from links.redirect.marks import hash_browser
from links.services import create_link
from links.visits import new_browser
from monitoring.redis import durable
from quests.evidence import verifying
from quests.evidence.visits import personal_visit
from quests.models import Quest
from quests.requirements.room_presence import RoomPresence
from realtime.members import join_room
from realtime.models import Room
from realtime.models.stay import Stay
from realtime.rooms import create_room
from tests.links.conftest import CHROME, event, send

VISIT = {"id": "visit", "kind": "visit_link", "title": "Read it", "config": {"link": "handbook"}}
BROWSER = new_browser()
Happen = Callable[[], Any]


@pytest.fixture(autouse=True)
def _tasks_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.conf, "task_always_eager", True)
    monkeypatch.setattr(verifying, "_ASKED_SECONDS", 0.0)
    monkeypatch.setattr(verifying, "_asked", (0.0, frozenset()))


@pytest.fixture
def link(alice: User) -> Link:
    return create_link(owner=alice, slug="handbook", url="https://example.com/")


@pytest.fixture
def lobby(alice: User) -> Room:
    return create_room(creator=alice, slug="lobby", name="Lobby")


class House:
    """What the house sees; all that follows from it has happened when a call returns."""

    def __init__(self, committed: DjangoCaptureOnCommitCallbacks) -> None:
        self._committed = committed

    def after(self, happen: Happen) -> Any:
        with self._committed(execute=True):
            return happen()

    def address(
        self, player: User, quest: Quest, key: str = "visit", browser: str = BROWSER
    ) -> str:
        return self.after(
            lambda: personal_visit(player=player, number=quest.number, key=key, browser=browser)
        )

    def opened(
        self,
        address: str,
        link: Link,
        *,
        browser: str = BROWSER,
        at: datetime | None = None,
        agent: str = CHROME,
    ) -> None:
        """The redirect's click of it, drained."""
        (token,) = parse_qs(urlsplit(address).query)["p"]
        click = event(link, agent=agent, mark=f"{token}.{hash_browser(browser).hex()}")
        # Ids count in milliseconds: what was begun in this very one must be before it.
        at = at or timezone.now() + timedelta(milliseconds=1)
        click.id = round(at.timestamp() * 1000).to_bytes(6) + new_event_id()[6:]
        send(click)
        self.after(lambda: drain_once(durable()))

    def stayed(
        self, player: User, room: Room, *, seconds: float, until: datetime | None = None
    ) -> None:
        """Was there, by one connection."""
        until = until or timezone.now()
        began = until - timedelta(seconds=seconds)
        stay = Stay.objects.create(
            room=room, user=player, process=uuid4().hex, began_at=began, seen_at=until
        )
        self.after(lambda: RoomPresence.announced.send(sender=None, ids=[stay.pk]))


@pytest.fixture
def house(django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks, db: None) -> House:
    return House(django_capture_on_commit_callbacks)


@pytest.fixture
def bob_in_lobby(lobby: Room, bob: User) -> Room:
    join_room(room=lobby, user=bob)
    return lobby


@pytest.fixture
def posts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, Any]]:
    """What was sent to people: (user, event, data)."""
    sent: list[tuple[str, str, Any]] = []
    monkeypatch.setattr(
        "realtime.doors.post_to_user", lambda user, event, data: sent.append((user, event, data))
    )
    return sent
