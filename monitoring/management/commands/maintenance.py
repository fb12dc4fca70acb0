"""`manage.py maintenance on|off|status`: nothing new is taken while it is on."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from monitoring.maintenance import services
from monitoring.maintenance.notice import DEFAULT_MESSAGE

_NEXT = "Does it run, at DATABASE_URL, and is it migrated?"
_OFF = "Maintenance is off."
EXAMPLE = 'Example: manage.py maintenance on --message "Back at noon."'


class Command(BaseCommand):
    help = f"Turn maintenance on or off, or say whether it is on. {EXAMPLE}"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["on", "off", "status"])
        parser.add_argument("--message", default="", help="what people are told")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            self.stdout.write(_answer(options["action"], options["message"]))
        except DatabaseError as error:
            unchanged = "" if options["action"] == "status" else "Nothing was changed. "
            text = f"PostgreSQL did not answer: {str(error).strip()} {unchanged}{_NEXT}"
            raise CommandError(text) from None


def _answer(action: str, message: str) -> str:
    if action == "status":
        notice = services.stored()
        return f"Maintenance is on: {notice.text}" if notice.is_on else _OFF
    if len(message) > 300:
        raise CommandError(f"The message may have 300 characters, and has {len(message)}.")
    before = services.stored()
    if before.is_on:  # said again, it stays as it was said
        message = message or before.message
    is_locked = services.switch(on=action == "on", message=message, by=getpass.getuser())
    done = f"Maintenance is on: {message or DEFAULT_MESSAGE}" if action == "on" else _OFF
    lock = "" if is_locked else _unlocked(is_on=action == "on")
    return done + lock


def _unlocked(*, is_on: bool) -> str:
    """The second lock is the database's own; without it the first has to do."""
    if is_on:
        return " The database itself is not locked: this takes its owner."
    return " If the database itself was locked, it still is: this takes its owner."
