"""Who looks at a page, how often she may act on it, and how she hears that she may not."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.http import HttpRequest, HttpResponse

from accounts.models import User
from accounts.throttling import limit
from monitoring.wire import pages
from monitoring.wire.problems import Problem


def visitor(request: HttpRequest) -> User | None:
    """None for somebody who is not signed in."""
    return request.user if request.user.is_authenticated else None


def player(request: HttpRequest) -> User:
    """Behind `login_required`."""
    return cast("User", request.user)


def limit_player(request: HttpRequest) -> None:
    """As in the API, by the same counters. Problem 429 `rate_limited`."""
    limit(request, tier="quests-player", key=f"user {player(request).pk}")
    limit(request, tier="quests-network")


def telling_problems(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For a view without a page of its own: a problem is a page then."""

    @wraps(view)
    def told(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Problem as problem:
            return pages.render(request, problem)

    return told


def whole(text: Any, default: int, *, at_most: int) -> int:
    """A number of the address, from 1; what is none is the default."""
    is_number = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 10
    return min(max(1, int(text)), at_most) if is_number else default
