"""What rooms tell Prometheus at each scrape; registered when the app is ready."""

from monitoring.metrics import gauge
from realtime.presence import selectors


@gauge("rallypoint_rooms", "Live rooms, over all processes.", labels=("measure",))
def rooms() -> dict[tuple[str, ...], float]:
    processes = selectors.processes().values()
    return {
        ("processes",): len(processes),
        ("processes_cut_off",): sum(process.degraded for process in processes),
        ("connections",): sum(process.connections for process in processes),
        ("people",): selectors.get_connected_users(limit=1).present,
        ("rooms",): selectors.count_rooms(),
    }
