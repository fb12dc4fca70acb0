"""The operators' workplace for quests: Django finds the registrations by importing this."""

from quests.admin import (
    achievements,
    audit,
    challenges,
    completions,
    ledger,
    players,
    quests,
    reviews,
    seasons,
    webhooks,
)

__all__ = [
    "achievements",
    "audit",
    "challenges",
    "completions",
    "ledger",
    "players",
    "quests",
    "reviews",
    "seasons",
    "webhooks",
]
