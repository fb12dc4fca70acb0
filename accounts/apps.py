from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_out, user_login_failed
        from django.db.models.signals import post_save

        from accounts import (
            browser,
            events,
            schema,  # noqa: F401  (registers itself with drf-spectacular)
            throttling,
        )
        from accounts.models import User

        post_save.connect(events.after_saving_a_user, sender=User)
        user_logged_out.connect(browser.sign_out_with_session)
        user_login_failed.connect(throttling.hear_of_failure)
