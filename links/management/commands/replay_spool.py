"""`manage.py replay_spool`: send clicks that wait on disk to the stream."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from redis.exceptions import RedisError

from links.redirect.click import FIELD, STREAM
from links.redirect.spool import Spool
from monitoring.redis import durable


class Command(BaseCommand):
    help = (
        "Send the clicks that dead web processes left in the spool. Running ones send their own. "
        "Example: manage.py replay_spool"
    )

    def handle(self, **_: Any) -> None:
        spool = Spool(settings.SPOOL_DIR, max_bytes=0)
        try:
            batches = spool.replay(lambda frame: durable().xadd(STREAM, {FIELD: frame}))
        except (OSError, RedisError) as error:
            raise CommandError(f"Stopped; what was not sent stays in the spool: {error}") from None
        self.stdout.write(f"{batches:,} batches sent, {spool.size():,} bytes left in use.")
