from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from django.db.models.signals import post_save

        from accounts import (
            events,
            schema,  # noqa: F401  (registers itself with drf-spectacular)
        )
        from accounts.models import User

        post_save.connect(events.after_saving_a_user, sender=User)
