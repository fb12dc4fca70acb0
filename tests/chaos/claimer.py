"""A process that completes a quest and keeps its transaction open until it may commit:

    python tests/chaos/claimer.py PLAYER QUEST

It says "claimed" when it holds its place, and commits when its standard input ends.
"""

import os
import sys
from pathlib import Path

import django
from django.db import transaction


def main(player: int, number: int) -> None:
    from accounts.models import User
    from quests.completions.completing import complete_quest

    with transaction.atomic():
        complete_quest(player=User.objects.get(pk=player), number=number)
        sys.stdout.write("claimed\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    main(*map(int, sys.argv[1:]))
