"""Health as numbers, for alerts: what is known of it already, nothing is looked at for a scrape."""

from monitoring.health.report import Status
from monitoring.health.watch import HealthWatch
from monitoring.metrics import gauge

_NUMBERS = {Status.HEALTHY: 0.0, Status.DEGRADED: 1.0}
_NOT_WELL = 2.0


def announce(watch: HealthWatch) -> None:
    @gauge(
        "rallypoint_health",
        "0 healthy, 1 degraded, 2 worse: of each check, and of `all` together.",
        labels=("check",),
    )
    def health() -> dict[tuple[str, ...], float]:
        return {
            (name,): _NUMBERS.get(Status(status), _NOT_WELL) for name, status in watch.statuses()
        }
