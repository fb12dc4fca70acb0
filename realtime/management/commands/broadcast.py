"""`manage.py broadcast`: a word to everybody who is connected."""

from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser

from realtime import doors
from realtime.models import Room


class Command(BaseCommand):
    help = (
        "Tell everybody who is connected, or with --room who is in it. It is not stored. "
        "Example: manage.py broadcast 'Back in five minutes' --event system:maintenance"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("text", help="what is told; with --json, the frame's data")
        parser.add_argument("--event", default="notification")
        parser.add_argument("--room", metavar="SLUG")
        parser.add_argument("--json", action="store_true", help="TEXT is JSON")

    def handle(self, *, text: str, event: str, room: str | None, **options: Any) -> None:
        data = _read(text) if options["json"] else {"text": text}
        if room and not Room.objects.filter(slug=room, closed_at=None).exists():
            raise CommandError(f"There is no open room {room!r}.")
        try:
            sent = doors.send_to_room(room, event, data) if room else doors.broadcast(event, data)
        except UnicodeEncodeError:
            raise CommandError("The text is not valid UTF-8.") from None
        except ValueError as error:
            raise CommandError(str(error)) from None
        if not sent:
            raise CommandError("Redis does not answer: nobody was told.")
        self.stdout.write(f"Told {f'the room {room}' if room else 'everybody'}: {event}.")


def _read(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"This is no JSON: {error}") from None
