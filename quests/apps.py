from django.apps import AppConfig


class QuestsConfig(AppConfig):
    name = "quests"

    def ready(self) -> None:
        from quests import events, metrics  # noqa: F401 - importing metrics announces them; models are loaded by now
        from quests.evidence import pushing

        events.connect()
        pushing.connect()
