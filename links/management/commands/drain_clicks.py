"""`manage.py drain_clicks`: what Celery's tick does, by hand or as a process of its own."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from redis.exceptions import RedisError

from links.clicks.drain import drain_once
from monitoring.redis import durable

PAUSE_SECONDS = 0.5


class Command(BaseCommand):
    help = (
        "Move clicks from the stream into the tables, until it is empty (--once) or for ever. "
        "Example: manage.py drain_clicks --once"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="stop when the stream is empty")

    def handle(self, *, once: bool, **_: Any) -> None:
        stored = 0
        try:
            while True:
                drained = drain_once(durable())
                stored += drained.stored if drained else 0
                if drained and drained.entries:
                    self.stderr.write(f"{stored:,} clicks stored", ending="\r")
                elif once and drained is not None:
                    break
                else:
                    time.sleep(PAUSE_SECONDS)
        except RedisError as error:
            raise CommandError(f"Redis does not answer: {error}") from None
        except KeyboardInterrupt:
            pass
        self.stdout.write(f"{stored:,} clicks stored.")
