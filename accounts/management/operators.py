"""Who a command acts for: a deed has an author, at a shell as in the admin."""

from django.core.management.base import CommandError, CommandParser

from accounts.models import User
from accounts.selectors import find_person


def find_user(name: str) -> User:
    """By username, or by the address of a wallet."""
    if (found := find_person(name)) is None:
        raise CommandError(f"There is no user {name!r}, and nobody with such a wallet.")
    return found


def find_operator(name: str | None) -> User:
    """Without a name, the only one there is."""
    if name is None:
        staff = list(User.objects.filter(is_staff=True, is_active=True)[:2])
        if len(staff) != 1:
            raise CommandError("Say with --by who of the staff you are.")
        return staff[0]
    user = find_user(name)
    if not (user.is_staff and user.is_active):
        raise CommandError(f"{user} is not on the staff.")
    return user


def add_by(parser: CommandParser) -> None:
    parser.add_argument(
        "--by", metavar="USERNAME", help="who of the staff; not needed when there is only one"
    )
