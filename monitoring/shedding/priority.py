"""What is kept up longest when there is too much."""

from enum import IntEnum

from monitoring.trace import Scope

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Priority(IntEnum):
    """The lower, the longer it is served. (Redirects never come here: see the package.)"""

    HEALTH = 0
    READ = 1
    WRITE = 2

    @property
    def label(self) -> str:
        return self.name.lower()


def priority_of(scope: Scope) -> Priority:
    path = scope["path"]
    if path in {"/ping", "/health"} or path.startswith("/api/health"):
        return Priority.HEALTH
    return Priority.READ if scope["method"] in _SAFE else Priority.WRITE
