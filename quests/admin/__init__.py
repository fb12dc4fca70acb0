"""The operators' workplace for quests: Django finds the registrations by importing this."""

from quests.admin import audit, completions, ledger, players, quests, reviews, seasons, webhooks

__all__ = [
    "audit",
    "completions",
    "ledger",
    "players",
    "quests",
    "reviews",
    "seasons",
    "webhooks",
]
