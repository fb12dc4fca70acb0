"""The operators' workplace for quests: Django finds the registrations by importing this."""

from quests.admin import (
    achievements,
    appeals,
    audit,
    challenges,
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
    "challenges",
    "completions",
    "ledger",
    "players",
    "quests",
    "raffles",
    "reviews",
    "seasons",
    "webhooks",
]
