"""`manage.py award`: XP outside of any quest."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.operators import add_by, find_operator, find_user
from monitoring.wire.problems import Problem
from quests.completions.correcting import award
from quests.models import Season
from quests.selectors import total_xp


class Command(BaseCommand):
    help = (
        "Award XP to a player; an AMOUNT below zero takes it away. "
        "Example: manage.py award alice 50 --reason 'Helped at the meetup' --by ada"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("player", metavar="USERNAME_OR_WALLET")
        parser.add_argument("amount", type=int, metavar="AMOUNT")
        parser.add_argument("--reason", required=True, metavar="R", help="for the player to read")
        add_by(parser)
        parser.add_argument("--season", metavar="SLUG", help="counts on its board as well")

    def handle(self, *, player: str, season: str | None, **options: Any) -> None:
        user, actor = find_user(player), find_operator(options["by"])
        try:
            entry = award(
                player=user,
                amount=options["amount"],
                reason=options["reason"],
                actor=actor,
                season=_season(season) if season else None,
            )
        except Problem as problem:
            raise CommandError(str(problem.detail)) from None
        self.stdout.write(f"{entry.amount:+,d} XP for {user}, who has {total_xp(user):,} XP now.")


def _season(slug: str) -> Season:
    found = Season.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no season {slug!r}.")
    return found
