"""How often somebody may change rooms, and speak without a socket."""

from rest_framework.request import Request

from accounts.permissions import caller
from accounts.throttling import limit


def limit_rooms(request: Request) -> None:
    """Problem 429 `rate_limited`."""
    limit(request, tier="rooms", key=f"user {caller(request).pk}")


def limit_messages(request: Request) -> None:
    """Problem 429 `rate_limited`."""
    limit(request, tier="messages", key=f"user {caller(request).pk}")


def limit_publishing(request: Request) -> None:
    """Problem 429 `rate_limited`."""
    limit(request, tier="publishing", key=f"user {caller(request).pk}")
