from django.apps import AppConfig


class QuestsConfig(AppConfig):
    name = "quests"

    def ready(self) -> None:
        from quests import metrics  # noqa: F401 - importing announces them; models are loaded by now
