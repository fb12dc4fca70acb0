"""Saying that something changed, so that nothing that was computed before is given any more."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from monitoring.responses.tags import forget_after_commit

P = ParamSpec("P")
R = TypeVar("R")
Tags = Iterable[str] | Callable[..., Iterable[str]]


def cache_invalidate(*, tags: Tags) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """After the function has returned and its transaction is committed, what was kept under `tags`
    is forgotten. They may be a function of its arguments. Nothing is forgotten by what raised or is
    rolled back."""

    def decorate(work: Callable[P, R]) -> Callable[P, R]:
        @wraps(work)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            result = work(*args, **kwargs)
            forget_after_commit(*tags_of(tags, *args, **kwargs))
            return result

        return wrapped

    return decorate


def tags_of(tags: Tags, *args: Any, **kwargs: Any) -> list[str]:
    return list(tags(*args, **kwargs) if callable(tags) else tags)
