from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from accounts import services
from accounts.models import ApiKey, User
from accounts.scopes import Scope

MAX_DAYS = 36_500


class Command(BaseCommand):
    help = "Creates an API key for a user and prints it, alone, on the last line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = (
            "example:\n"
            "  manage.py create_api_key shop --create-user --name Till "
            "--scope links:read --scope links:write\n\n"
            "scopes:\n" + "\n".join(f"  {scope.value:<18}{scope.label}" for scope in Scope)
        )
        parser.add_argument("username", metavar="USERNAME")
        parser.add_argument("--name", required=True, metavar="N", help="what the key is for")
        parser.add_argument(
            "--scope",
            required=True,
            action="append",
            dest="scopes",
            metavar="S",
            help="may be repeated",
        )
        parser.add_argument("--expires-in-days", type=_days, metavar="D", help="default: never")
        parser.add_argument(
            "--create-user", action="store_true", help="make the user, who gets no password"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            key, text = _create(**options)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(f"{key.name}, of {key.user}, may use {', '.join(key.scopes)}.")
        self.stdout.write("Keep it now, it can't be shown again:")
        self.stdout.write(text)


@transaction.atomic
def _create(
    *,
    username: str,
    name: str,
    scopes: list[str],
    expires_in_days: int | None,
    create_user: bool,
    **_: Any,
) -> tuple[ApiKey, str]:
    """In one transaction: a wrong scope must not leave a new user behind."""
    return services.create_api_key(
        user=_find_or_create_user(username, create=create_user),
        name=name,
        scopes=scopes,
        expires_at=timezone.now() + timedelta(days=expires_in_days) if expires_in_days else None,
    )


def _find_or_create_user(username: str, *, create: bool) -> User:
    try:
        return User.objects.get_by_natural_key(username)
    except User.DoesNotExist:
        if create:
            return services.create_service_user(username=username)
    raise CommandError(f"There is no user {username!r}; --create-user would make one.")


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_DAYS):
        raise ArgumentTypeError(f"must be 1 to {MAX_DAYS}")
    return int(text)
