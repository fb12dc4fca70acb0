"""Evidence in words: what a row of it says to the player whose it is."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from quests.models import Evidence

Payload = Mapping[str, Any]
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LONGEST = 200


def _quiz(payload: Payload) -> str:
    return f"{payload.get('right', 0)} of {payload.get('questions', 0)} questions right"


def _proof(payload: Payload) -> str:
    return f"You sent {'an' if payload.get('form') == 'image' else 'a'} {payload.get('form')}"


_WORDS: dict[str, Callable[[Payload], str]] = {
    "quiz": _quiz,
    "proof": _proof,
    "secret_code": lambda _: "The right code",
    "streak": lambda payload: f"You were here on {payload.get('day')}",
    "referral": lambda payload: f"{payload.get('friend')} completed her first quest",
    "wallet_signature": lambda payload: f"Signed by {payload.get('walletAddress')}",
    "evidence": lambda payload: f"Asserted by {payload.get('assertedBy')}",
}


def words_of(evidence: Evidence) -> str:
    """Of a kind that is not known here, whatever it tells: name and value."""
    known = _WORDS.get(evidence.kind)
    return known(evidence.payload) if known else told(evidence.payload)


def told(payload: Any) -> str:
    if not isinstance(payload, Mapping):
        return str(payload)[:_LONGEST]
    parts = (f"{plain(str(name))}: {_value(value)}" for name, value in payload.items())
    return ", ".join(parts)[:_LONGEST]


def plain(name: str) -> str:
    """`dwellSeconds` as people write it."""
    return _CAPITAL.sub(" ", name).replace("_", " ").lower()


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
