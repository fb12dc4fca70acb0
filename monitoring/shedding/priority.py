"""What is kept up longest when there is too much."""

from enum import IntEnum

from monitoring.trace import Scope

# By name: what only begins like one must not come before everybody else. People look at the page of
# the status when they are turned away everywhere else.
_HEALTH = frozenset({
    *("/ping", "/health", "/api/health"),
    *("/api/health/live", "/api/health/ready", "/api/health/metrics"),
    "/status",
})  # fmt: skip
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
    if scope["path"] in _HEALTH:
        return Priority.HEALTH
    return Priority.READ if scope["method"] in _SAFE else Priority.WRITE
