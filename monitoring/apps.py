from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    name = "monitoring"
    verbose_name = "Monitoring"

    def ready(self) -> None:
        from monitoring import checks, correlation, exporters, tasks  # noqa: F401
        from monitoring.backups import gauges as backup_gauges  # noqa: F401
        from monitoring.performance import gauges  # noqa: F401

        correlation.connect_celery()
        tasks.connect_beat()
        exporters.start()
