from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    name = "realtime"
    verbose_name = "Live rooms"

    def ready(self) -> None:
        from realtime import metrics  # noqa: F401 - importing announces them; models are loaded by now
