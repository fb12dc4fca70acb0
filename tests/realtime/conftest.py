import json
from collections.abc import Callable

import pytest

from accounts.models import User
from monitoring.redis import durable
from realtime.members import join_room
from realtime.models import Room
from realtime.presence.register import EVERYWHERE, PREFIX, SCRIPT
from realtime.rooms import create_room

MakeRoom = Callable[..., Room]


@pytest.fixture
def make_room(alice: User) -> MakeRoom:
    """Alice's own, with the others in it."""

    def make(*others: User, slug: str = "lobby", kind: str = "public") -> Room:
        room = create_room(creator=alice, slug=slug, name=slug.title(), kind=Room.Kind(kind))
        for other in others:
            join_room(room=room, user=other)
        return room

    return make


_FIGURES = json.dumps({
    "host": "web-1", "pid": 7, "since": 0, "connections": 3, "rooms": 1, "degraded": False,
})  # fmt: skip


@pytest.fixture
def present() -> Callable[..., None]:
    """`present(user, room, ...)`: as a process that serves sockets would say."""

    def come(user: User, *rooms: int) -> None:
        person = {
            "user": {"id": str(user.public_id), "username": user.username},
            "status": "online", "note": "",
        }  # fmt: skip
        script = durable().register_script(SCRIPT)
        script(keys=[PREFIX], args=["beat", "p", 30, _FIGURES, "epoch"])
        for room in (EVERYWHERE, *rooms):
            change = (room, str(user.public_id), json.dumps(person))
            script(keys=[PREFIX], args=["change", "p", "", *change])

    return come
