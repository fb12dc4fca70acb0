"""What quests tells Prometheus at each scrape; registered when the app is ready."""

from monitoring.metrics import gauge
from quests.health import waiting_deliveries, waiting_events


@gauge("rallypoint_outbox", "Events on their way to webhooks (E4).", labels=("measure",))
def outbox() -> dict[tuple[str, ...], float]:
    events, deliveries = waiting_events(), waiting_deliveries()
    return {
        ("waiting_events",): events.waiting,
        ("lag_seconds",): events.seconds,
        ("waiting_deliveries",): deliveries.waiting,
        ("overdue_seconds",): deliveries.seconds,
    }
