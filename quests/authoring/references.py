"""Whether the quests that a quest builds on are there, and lead anywhere."""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ValidationError

from quests import prerequisites
from quests.models import Quest


def refuse_broken(quest: Quest) -> None:
    """ValidationError for `prerequisites` that name a quest which does not exist, the quest itself,
    or quests which cannot be done before it is."""
    named = prerequisites.quests_in(quest.prerequisites)
    if not named:
        return
    if quest.number in named:
        raise _wrong("A quest cannot build on itself.")
    known = dict(Quest.objects.values_list("number", "prerequisites"))
    if unknown := sorted(named - known.keys()):
        raise _wrong(f"There is no quest {unknown[0]}.")
    if circle := _way_back(quest.number, known):
        way = " → ".join(map(str, circle))
        raise _wrong(f"Nobody could ever do this: {way}.")


def _way_back(number: int, known: Mapping[int, dict[str, Any]]) -> list[int]:
    """The way along quests that are needed, from `number` to itself; [] when there is none."""
    ways, seen = [[number]], set[int]()
    while ways:
        way = ways.pop()
        for needed in sorted(prerequisites.needed_in(known.get(way[-1], {}))):
            if needed == number:
                return [*way, number]
            if needed not in seen:
                seen.add(needed)
                ways.append([*way, needed])
    return []


def _wrong(sentence: str) -> ValidationError:
    return ValidationError({"prerequisites": sentence})
