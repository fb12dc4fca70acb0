"""The operators' workplace for quests: Django finds the registrations by importing this."""

from quests.admin import (
    achievements,
    appeals,
    audit,
    completions,
    ledger,
    players,
    quests,
    raffles,
    reviews,
    seasons,
    webhooks,
)

__all__ = [
    "achievements",
    "appeals",
    "audit",
    "completions",
    "ledger",
    "players",
    "quests",
    "raffles",
    "reviews",
    "seasons",
    "webhooks",
]
