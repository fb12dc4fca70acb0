"""What Prometheus is told of backups. Before the first one there are no samples."""

from monitoring.backups import records
from monitoring.backups.health import age_of
from monitoring.metrics import GaugeValue, gauge


@gauge("rallypoint_backup_age_seconds", "Age of the newest backup: what a loss would cost now.")
def backup_age() -> GaugeValue:
    newest = records.newest()
    return age_of(newest.at) if newest else {}


@gauge("rallypoint_backup_size_bytes", "Size of the newest backup.")
def backup_size() -> GaugeValue:
    newest = records.newest()
    return newest.size if newest else {}


@gauge("rallypoint_backup_last_drill_seconds", "Since a backup was last restored for a trial.")
def last_drill() -> GaugeValue:
    drill = records.last_drill()
    return age_of(drill.at) if drill else {}


@gauge("rallypoint_backup_drill_differences", "What the last drill found to differ.")
def drill_differences() -> GaugeValue:
    drill = records.last_drill()
    return drill.differences if drill else {}
