"""Somebody else's kind of evidence: this file, and one line of the settings."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from django.dispatch import Signal
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from quests.evidence import sweeping
from quests.models import Attempt
from quests.progress import start_quest
from quests.requirements.base import Fact, Place
from quests.requirements.observed import Observed, OpenAttempt, Span
from quests.selectors import total_xp
from tests.quests.conftest import MakeQuest
from tests.quests.evidence.conftest import House

pytestmark = pytest.mark.django_db

door_opened = Signal()
OPENED: dict[str, str] = {}


class Door(Observed):
    """`{}`: a badge opened the door of the house."""

    name = "door"
    title = "Come by"
    announced = door_opened

    def concerned(self, ids: Sequence[Any]) -> list[OpenAttempt]:
        attempts = Attempt.objects.filter(player__username__in=[OPENED[id_] for id_ in ids])
        rows = attempts.values_list("player", "quest__number", "period")
        return [OpenAttempt(*row) for row in rows]

    def missed(self, span: Span) -> list[OpenAttempt]:
        del span
        return self.concerned(list(OPENED))

    def find(self, place: Place) -> Iterable[Fact]:
        for id_, username in OPENED.items():
            if username == place.player.username:
                yield Fact(id_, timezone.now())


def test_a_new_kind_is_one_file_and_one_line(
    alice: User, bob: User, make_quest: MakeQuest, house: House, settings: Settings
) -> None:
    settings.REQUIREMENT_KINDS = [*settings.REQUIREMENT_KINDS, f"{__name__}.Door"]
    quest = make_quest({"id": "door", "kind": "door", "title": "Come by", "config": {}})
    for player in (alice, bob):
        start_quest(player=player, number=quest.number)

    OPENED["e1"] = "alice"
    house.after(lambda: door_opened.send(sender=None, ids=["e1"]))
    assert (total_xp(alice), total_xp(bob)) == (10, 0)

    OPENED["e2"] = "bob"
    sweeping.sweep()
    assert total_xp(bob) == 10
