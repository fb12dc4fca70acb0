from django.apps import AppConfig


class QuestsConfig(AppConfig):
    name = "quests"

    def ready(self) -> None:
        from quests import events, metrics  # noqa: F401 - importing metrics announces them; models are loaded by now

        events.connect()
