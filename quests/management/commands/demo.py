"""`manage.py demo`: something to look at for newcomers, and its end."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.db.models import ProtectedError
from redis.exceptions import RedisError

from accounts.models import User
from links import demo as links
from monitoring.wire.problems import Problem
from quests import demo as quests
from realtime import demo as rooms


class Command(BaseCommand):
    help = (
        "Load a demo (an operator, links with three weeks of clicks, two seasons of quests with "
        "their players, rooms in which they talk) or remove it without a trace. "
        "Example: manage.py demo load"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["load", "clear"])
        parser.add_argument("--if-empty", action="store_true", help="no error if it is there")

    def handle(self, *, action: str, if_empty: bool, **_: Any) -> None:
        if action == "clear":
            self._clear()
            self.stdout.write("The demo is gone.")
        elif not links.is_loaded():
            self._load()
        elif not if_empty:
            raise CommandError("The demo is loaded already. `manage.py demo clear` removes it.")

    def _clear(self) -> None:
        """All of it or nothing."""
        try:
            with transaction.atomic():
                quests.refuse_in_use()
                rooms.clear()
                quests.clear()
                links.clear()
        except quests.InUseError as error:
            raise CommandError(str(error)) from None
        except ProtectedError:
            detail = "The demo's operator owns things that are not the demo's. It stays."
            raise CommandError(detail) from None

    def _load(self) -> None:
        password = secrets.token_urlsafe(9)
        try:
            clicks = links.load(password)
            operator = User.objects.get(username=links.USERNAME)
            people = quests.make_cast()
            rooms.load(operator, people)
            completed = quests.load(operator, people)
            said = rooms.count_messages()
        except RedisError as error:
            raise CommandError(f"Redis does not answer: {error}") from None
        except Problem as problem:
            raise CommandError(f"The demo cannot be loaded here: {problem.detail}") from None
        self.stdout.write(
            f"A demo with {clicks:,} clicks, {completed} completed quests and {said} messages "
            "was loaded."
        )
        self.stdout.write(f"Sign in as {links.USERNAME} with the password {password}")
