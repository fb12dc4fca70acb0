"""What a health check can know of rooms: whether every process hears the others."""

from monitoring.health.report import Check, Status
from monitoring.health.runner import check
from monitoring.wire.problems import Problem
from realtime.presence import selectors


@check(
    hint="Processes do not hear the others: does Redis run, at REDIS_URL? They join again by "
    "themselves."
)
def check_rooms() -> Check:
    """Degraded while a process is cut off: what is said at the others reaches its people late."""
    try:
        processes = selectors.processes().values()
    except Problem as problem:
        return Check(Status.DEGRADED, details={"redis": str(problem.detail)})
    cut_off = sum(process.degraded for process in processes)
    details = {
        "processes": sum(not process.leaving for process in processes),
        "connections": sum(process.connections for process in processes),
        "cutOff": cut_off,
    }
    return Check(Status.DEGRADED if cut_off else Status.HEALTHY, details=details)
