from collections.abc import Callable

import pytest

from accounts.models import User
from realtime.members import join_room
from realtime.models import Room
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
