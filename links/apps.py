from django.apps import AppConfig


class LinksConfig(AppConfig):
    name = "links"
    verbose_name = "Short links"

    def ready(self) -> None:
        from links import metrics  # noqa: F401 - importing announces them; models are loaded by now
