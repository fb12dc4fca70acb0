"""The demo's rooms: a lobby, a stage and a workshop in which the demo's people have talked, made by
the services; and who was at the stage in three weeks of evenings, written as the recorder of
presence writes it."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.models import User
from realtime.members import join_room
from realtime.messages.posting import post_message
from realtime.models import Message, Room
from realtime.presence.stays import WRITE
from realtime.rooms import create_room

LOBBY, STAGE, WORKSHOP = "demo-lobby", "demo-stage", "demo-workshop"
# Name, topic, and who speaks, by turn, and what.
_ROOMS: dict[str, tuple[str, str, tuple[tuple[int, str], ...]]] = {
    LOBBY: (
        "Demo lobby",
        "Come in and say hello",
        (
            (0, "Hello everybody, and welcome to the lobby."),
            (1, "Hi! Is this where the meetup is planned?"),
            (2, "It is. The sign-up link is on the board, and it counts every click."),
            (
                3,
                "I did the two questions of “Know the house”: 30 XP, and the tea is still hot.",
            ),
            (0, "Nice, @{3}. The word of the talk is only for the first 25, so be quick."),
            (4, "Too late for me, I fear. There is always the streak…"),
            (1, "Seven days in a row. One may be missed, I asked."),
            (5, "Who brings the projector? Ours has a green stripe since Tuesday."),
            (2, "I have one. It is older than some of us, but it works."),
            (0, "Open this page in a second window and say something: both have it at once."),
        ),
    ),
    STAGE: (
        "Demo stage",
        "Thursdays at seven: one talk, many questions",
        (
            (2, "Good evening! Tonight: how a biscuit tin became a radio."),
            (6, "The sound is fine here, go ahead."),
            (7, "How far does it reach?"),
            (2, "Across the garden. Two gardens, when it rains. Ask me why!"),
            (8, "Why does it reach further when it rains?"),
            (2, "I have no idea, and that is the second half of the talk."),
            (9, "The slides are behind /open-stage, for those who come late."),
            (6, "That was lovely. The word was worth waiting for."),
        ),
    ),
    WORKSHOP: (
        "Demo workshop",
        "What are you making?",
        (
            (10, "I have moved the digest to webhooks: it wakes up only when something happens."),
            (11, "Do you check the signature?"),
            (10, "Of course, over the bytes as they came. Fell into that hole once."),
            (12, "Does anybody have spare 3 mm screws? I am two short."),
            (11, "A whole jar. I put them on the table next to the door, @{12}."),
            (12, "You are a hero."),
        ),
    ),
}
_EVENINGS = 6


def load(owner: User, people: Sequence[User]) -> None:
    """`people` are thirteen or more."""
    names = [person.username for person in people]
    for slug, (name, topic, talk) in _ROOMS.items():
        room = create_room(creator=owner, slug=slug, name=name, topic=topic)
        for number in dict.fromkeys(number for number, _ in talk):
            join_room(room=room, user=people[number])
        for number, body in talk:
            post_message(room=room, sender=people[number], body=body.format(*names))
        if slug == STAGE:
            _write_stays(room, list(_evenings(people)))


def count_messages() -> int:
    return Message.objects.filter(room__slug__in=_ROOMS).count()


def speak(person: User, slug: str, lines: Sequence[str]) -> list[str]:
    """She comes in and says something; ids of the messages."""
    room = Room.objects.get(slug=slug)
    join_room(room=room, user=person)
    said = [post_message(room=room, sender=person, body=line)[0] for line in lines]
    return [str(message.public_id) for message in said]


def clear() -> None:
    """Whatever else was said there goes with them."""
    Message.objects.filter(room__slug__in=_ROOMS).delete()
    Room.objects.filter(slug__in=_ROOMS).delete()


def _evenings(people: Sequence[User]) -> Iterator[tuple[int, datetime, datetime]]:
    """Who came when and left when: two evenings a week, from seven to eight and something."""
    chance = random.Random("evenings")  # noqa: S311 - a story, no secret
    today = timezone.now().replace(hour=19, minute=0, second=0, microsecond=0)
    for back in range(1, 1 + _EVENINGS):
        begin = today - timedelta(days=round(back * 3.5))
        for person in people:
            if chance.random() > 0.25 + 0.05 * (_EVENINGS - back):
                continue
            came = begin + timedelta(minutes=chance.uniform(-5, 25))
            yield person.pk, came, came + timedelta(minutes=chance.uniform(8, 65))


def _write_stays(room: Room, stays: list[tuple[int, datetime, datetime]]) -> None:
    people, begun, seen = zip(*stays, strict=True)
    values: Any = {
        "process": "demo",
        "rooms": [room.pk] * len(stays),
        "users": list(people),
        "began": [_microseconds(at) for at in begun],
        "seen": [_microseconds(at) for at in seen],
    }
    with connection.cursor() as cursor:
        cursor.execute(WRITE, values)


def _microseconds(at: datetime) -> int:
    return round(at.timestamp() * 1e6)
