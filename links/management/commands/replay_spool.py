"""`manage.py replay_spool`: send clicks that wait on disk to the stream."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from redis.exceptions import RedisError

from links.redirect.spool import Spool
from links.redirect.stream import additions, refuse_fewer, wait_for
from monitoring.redis import durable


class Command(BaseCommand):
    help = (
        "Send the clicks that dead web processes left in the spool. Running ones send their own. "
        "Example: manage.py replay_spool"
    )

    def handle(self, **_: Any) -> None:
        spool = Spool(settings.SPOOL_DIR, max_bytes=0)
        try:
            batches = spool.replay(_send)
        except (OSError, RedisError) as error:
            raise CommandError(f"Stopped; what was not sent stays in the spool: {error}") from None
        self.stdout.write(f"{batches:,} batches sent, {spool.size():,} bytes left in use.")


def _send(frame: bytes) -> None:
    """As safe as a click is before its 302."""
    replicas = settings.REDIS_WAIT_REPLICAS
    with durable().pipeline(transaction=False) as pipeline:
        for command in additions(frame, settings.CLICK_STREAMS):
            pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
        if replicas:
            pipeline.execute_command(*wait_for(replicas))  # type: ignore[no-untyped-call]
        answers = pipeline.execute()
    if replicas:
        refuse_fewer(answers[-1], replicas)
