"""What operators see and change of quests: Django finds the registrations by importing this."""

from quests.admin import webhooks

__all__ = ["webhooks"]
