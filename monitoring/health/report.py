"""What a check says, and what all of them together mean. Imports no Django."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    UNAVAILABLE = "unavailable"

    @property
    def serves(self) -> bool:
        return self in {Status.HEALTHY, Status.DEGRADED}


_WORSE = list(Status)


@dataclass(frozen=True, slots=True)
class Check:
    """One part's answer. `degraded` means that the service goes on without it."""

    status: Status
    latency_ms: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


def worst(statuses: Iterable[Status]) -> Status:
    return max(statuses, key=_WORSE.index, default=Status.HEALTHY)
