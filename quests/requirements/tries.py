"""The bound on guessing: after so many wrong answers a pause, and after enough pauses no more."""

from datetime import datetime, timedelta
from typing import Any

from monitoring.wire.problems import Problem
from quests.models import Attempt, StepTries
from quests.requirements.base import Config, Place, whole_number

TRIES = 5
PAUSE = 300  # seconds
# However patient somebody is: this many wrong answers in all.
MOST_WRONG = 50


def clean_tries(config: Config) -> dict[str, Any]:
    """The two members that every guessable kind has. ValueError when out of bounds."""
    return {
        "tries": whole_number(config, "tries", TRIES, at_least=1, at_most=MOST_WRONG),
        "pauseSeconds": whole_number(config, "pauseSeconds", PAUSE, at_least=1, at_most=86_400),
    }


def open_tries(place: Place) -> StepTries:
    """Locked until the answer is judged, so that answers sent together are counted one by one.
    Problem (429) `too_many_tries` while a pause lasts, (409) `no_tries_left` at the end."""
    attempt = Attempt.objects.get(player=place.player, quest=place.quest.id, period=place.period)
    tries, _ = StepTries.objects.get_or_create(attempt=attempt, step=place.step.key)
    tries = StepTries.objects.select_for_update().get(pk=tries.pk)
    if tries.wrong >= MOST_WRONG:
        raise Problem("no_tries_left", "There were too many wrong answers.", status=409)
    if tries.closed_until and place.now < tries.closed_until:
        wait = int((tries.closed_until - place.now).total_seconds()) + 1
        raise Problem(
            "too_many_tries",
            f"Too many wrong answers. Try again in {wait} s.",
            status=429,
            headers={"Retry-After": str(wait)},
        )
    return tries


def count_wrong(tries: StepTries, config: Config, now: datetime) -> int:
    """How many tries are left before the next pause."""
    tries.wrong += 1
    tries.wrong_in_a_row += 1
    left = int(config["tries"]) - tries.wrong_in_a_row
    if left <= 0:
        tries.closed_until = now + timedelta(seconds=config["pauseSeconds"])
        tries.wrong_in_a_row = 0
    tries.save()
    return max(0, left)
