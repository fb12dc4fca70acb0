"""What a player must have before a quest is hers to do: an expression over quests, achievements, XP
and level.

    {"all": [{"quest": 3}, {"not": {"quest": 9}}, {"any": [{"level": 5}, {"achievement": "oak"}]}]}

{} asks for nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from quests.levels import HIGHEST, level_of

MAX_NODES = 50
MAX_DEPTH = 5
_BIGGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Facts:
    """What a player has: numbers of completed quests, slugs of achievements, total XP."""

    quests: frozenset[int]
    achievements: frozenset[str]
    xp: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One leaf of the expression, for the player to read."""

    text: str
    is_met: bool


def clean(expression: Any) -> dict[str, Any]:
    """The expression as it is stored. ValueError with a sentence when it makes no sense."""
    if expression in (None, {}):
        return {}
    nodes = _checked(expression, depth=1)
    if nodes > MAX_NODES:
        raise ValueError(f"Prerequisites have at most {MAX_NODES} parts.")
    return dict(expression)


def is_met(expression: Mapping[str, Any], facts: Facts) -> bool:
    if not expression:
        return True
    ((name, value),) = expression.items()
    match name:
        case "all":
            return all(is_met(part, facts) for part in value)
        case "any":
            return any(is_met(part, facts) for part in value)
        case "not":
            return not is_met(value, facts)
    return _has(name, value, facts)


def quests_in(expression: Mapping[str, Any]) -> set[int]:
    """Numbers of the quests that the expression speaks of."""
    return {value for name, value in _leaves(expression) if name == "quest"}


def needed_in(expression: Mapping[str, Any]) -> set[int]:
    """Numbers of the quests without which it can never be met."""
    needed = set[int]()
    for name, value in expression.items():
        if name == "quest":
            needed.add(value)
        elif name == "all":
            needed.update(*map(needed_in, value))
        elif name == "any":
            needed |= set.intersection(*map(needed_in, value))
    return needed


def explain(expression: Mapping[str, Any], facts: Facts) -> list[Finding]:
    return [
        Finding(_TEXTS[name].format(value), _has(name, value, facts))
        for name, value in _leaves(expression)
    ]


_TEXTS = {
    "quest": "quest {} completed",
    "achievement": "achievement “{}”",
    "xp": "{} XP",
    "level": "level {}",
}


def _has(name: str, value: Any, facts: Facts) -> bool:
    match name:
        case "quest":
            return value in facts.quests
        case "achievement":
            return value in facts.achievements
        case "xp":
            return facts.xp >= int(value)
    return level_of(facts.xp) >= int(value)


def _leaves(expression: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in expression.items():
        if name in {"all", "any"}:
            for part in value:
                yield from _leaves(part)
        elif name == "not":
            yield from _leaves(value)
        else:
            yield name, value


def _checked(node: Any, depth: int) -> int:
    """How many nodes there are from here down."""
    if not isinstance(node, dict) or len(node) != 1:
        raise ValueError("Each prerequisite is an object with exactly one member.")
    if depth > MAX_DEPTH:
        raise ValueError(f"Prerequisites are nested at most {MAX_DEPTH} deep.")
    ((name, value),) = node.items()
    if name in {"all", "any"}:
        if not isinstance(value, list) or not value:
            raise ValueError(f"“{name}” holds a list that is not empty.")
        return 1 + sum(_checked(part, depth + 1) for part in value)
    if name == "not":
        return 1 + _checked(value, depth + 1)
    _check_leaf(name, value)
    return 1


def _check_leaf(name: str, value: Any) -> None:
    if name not in _TEXTS:
        raise ValueError(f"“{name}” is no prerequisite: all, any, not, {', '.join(_TEXTS)}.")
    if name == "achievement":
        if not isinstance(value, str) or not 0 < len(value) <= 50:
            raise ValueError("“achievement” holds a slug.")
    elif not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _BIGGEST:
        raise ValueError(f"“{name}” holds a whole number above 0.")
    elif name == "level" and value > HIGHEST:
        raise ValueError(f"There are {HIGHEST} levels.")
