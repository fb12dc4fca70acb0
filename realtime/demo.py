"""The demo's room: a lobby in which the demo's people have talked, made by the services."""

from collections.abc import Sequence

from accounts.models import User
from realtime.members import join_room
from realtime.messages.posting import post_message
from realtime.models import Message, Room
from realtime.rooms import create_room

SLUG = "demo-lobby"
# Who speaks, by turn, and what.
_TALK = (
    (0, "Hello everybody, and welcome to the lobby."),
    (1, "Hi! Is this where the meetup is planned?"),
    (2, "It is. The sign-up link is on the board, and it counts every click."),
    (3, "I did the two questions of “Know the house”: 30 XP, paid before I had put the cup down."),
    (0, "Nice, @{3}. The word of the talk is only for the first five, so be quick."),
    (4, "Too late for me. There is always the streak…"),
    (1, "Seven days in a row. One may be missed, I asked."),
    (0, "Open this page in a second window and say something: both have it at once."),
)


def load(owner: User, people: Sequence[User]) -> int:
    """Make it; returns how many messages were said. `people` are five or more."""
    room = create_room(creator=owner, slug=SLUG, name="Demo lobby", topic="Come in and say hello")
    for person in people:
        join_room(room=room, user=person)
    names = [person.username for person in people]
    for number, body in _TALK:
        post_message(room=room, sender=people[number], body=body.format(*names))
    return len(_TALK)


def clear() -> None:
    """Whatever else was said there goes with it."""
    Message.objects.filter(room__slug=SLUG).delete()
    Room.objects.filter(slug=SLUG).delete()
