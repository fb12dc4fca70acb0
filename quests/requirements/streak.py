"""Days in a row, as the player's own calendar counts them."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from quests.definitions import Step
from quests.models import Evidence, Player
from quests.requirements.base import Config, Fact, Judgement, Kind, Place, only, whole_number


class Streak(Kind):
    """`{"days": 7, "graceDays": 1}`. Each day the player checks in, by sending any answer.

    The day is that of her declared time zone. `graceDays` days of a streak may be missed; a missed
    day is not counted.
    """

    name = "streak"
    title = "Daily streak"

    def clean(self, config: Config) -> dict[str, Any]:
        only(config, "days", "graceDays")
        return {
            "days": whole_number(config, "days", None, at_least=2, at_most=366),
            "graceDays": whole_number(config, "graceDays", 1, at_least=0, at_most=7),
        }

    def public(self, config: Config) -> dict[str, Any]:
        return dict(config)

    def needed(self, config: Config) -> int:
        return int(config["days"])

    def submit(self, place: Place, answer: Any) -> Fact | None:
        del answer
        zone = Player.objects.filter(user=place.player).values_list("time_zone", flat=True).first()
        day = place.now.astimezone(ZoneInfo(zone or "UTC")).date()
        return Fact(f"{day} {place.period}".strip(), place.now, {"day": day.isoformat()})

    def describe(self, evidence: Evidence) -> str:
        return f"You were here on {evidence.payload.get('day')}"

    def judge(self, step: Step, evidence: Sequence[Evidence]) -> Judgement:
        days = {date.fromisoformat(row.payload["day"]): row.pk for row in evidence}
        best = best_streak(sorted(days), step.config["graceDays"], step.config["days"])
        needed = self.needed(step.config)
        is_met = len(best) >= needed
        used = [days[day] for day in best[:needed]] if is_met else []
        return Judgement(is_met, len(best), needed, used)


def best_streak(days: Sequence[date], grace: int, needed: int) -> list[date]:
    """The first run of `needed` of these (ascending, different) days with at most `grace` missed
    days between them; else the run that is still going, which ends with the newest day."""
    run: list[date] = []
    for day in days:
        run.append(day)
        while (run[-1] - run[0]).days + 1 - len(run) > grace:
            run = run[1:]
        if len(run) >= needed:
            return run
    return run
