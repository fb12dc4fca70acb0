"""`manage.py kick`: somebody out of a room, or off the line."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.operators import add_by, find_operator, find_user
from accounts.models import User
from monitoring.wire.problems import Problem
from realtime import doors, members
from realtime.models import Room


class Command(BaseCommand):
    help = (
        "Kick somebody out of a room, with --ban for good; without --room, end all of her "
        "connections. Example: manage.py kick mallory --room lobby --ban"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", metavar="USERNAME_OR_WALLET")
        parser.add_argument("--room", metavar="SLUG")
        parser.add_argument("--ban", action="store_true", help="she may not come back")
        add_by(parser)

    def handle(self, *, person: str, room: str | None, ban: bool, by: str | None, **_: Any) -> None:
        user = find_user(person)
        if room is None:
            self._disconnect(user, ban=ban)
            return
        place, actor = _room(room), find_operator(by)
        try:
            (members.ban if ban else members.kick)(room=place, actor=actor, user=user)
        except Problem as problem:
            raise CommandError(str(problem.detail)) from None
        self.stdout.write(f"{user} is {'banned from' if ban else 'out of'} {place}.")

    def _disconnect(self, user: User, *, ban: bool) -> None:
        if ban:
            raise CommandError("Nobody is banned from everywhere: name a --room.")
        if not doors.disconnect_user(str(user.public_id), "kicked"):
            raise CommandError("Redis does not answer: the connections are still there.")
        self.stdout.write(f"The connections of {user} end now; she may come back.")


def _room(slug: str) -> Room:
    found = Room.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no room {slug!r}.")
    return found
