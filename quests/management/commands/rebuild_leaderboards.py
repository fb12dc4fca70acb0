"""`manage.py rebuild_leaderboards`: standings, ranks and badges from nothing but the ledger."""

from typing import Any

from django.core.management.base import BaseCommand

from quests.leaderboard.rebuild import rebuild


class Command(BaseCommand):
    help = (
        "Make standings, leaderboards and achievements anew from the ledger; only what differs is "
        "written. Completions wait for some of the time. Example: manage.py rebuild_leaderboards"
    )

    def handle(self, **_: Any) -> None:
        self.stderr.write("Adding up the ledger …")
        made = rebuild()
        self.stdout.write(
            f"{made.standings:,} standings set right, {made.segments:,} segments made, "
            f"{made.achievements_given:,} achievements given and {made.achievements_taken:,} taken."
        )
