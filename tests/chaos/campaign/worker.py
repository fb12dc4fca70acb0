"""The product's own Celery application, for which the receiver of a campaign is a public one; and,
with CAMPAIGN_MUTATION, a build that is broken on purpose, which the checker has to find."""

import os
from typing import Any

from celery.signals import worker_process_init

from config.celery import app

__all__ = ["app"]


@worker_process_init.connect
def change(**_: Any) -> None:
    _let_receiver_be_public(int(os.environ["CAMPAIGN_RECEIVER"]))
    if name := os.environ.get("CAMPAIGN_MUTATION"):
        MUTATIONS[name]()


def _let_receiver_be_public(port: int) -> None:
    from monitoring.outbound import Connector
    from quests.webhooks import sending

    sending.Connector = lambda **_: Connector(
        resolve=lambda *_: [("127.0.0.1", port)], is_allowed="127.0.0.1".__eq__
    )


class _Forgetful:
    """Of a build that has no row for how far the drain has come."""

    last_id, drained_at = "0-0", None

    def save(self) -> None: ...


def drain_without_cursor() -> None:
    """Nothing locks the drain, and nothing remembers its place: each one reads what the one before
    has read, and counts it again."""
    from links.clicks import drain

    insert = drain._insert

    def insert_and_count_all(clicks: list[Any]) -> list[Any]:
        insert(clicks)
        return clicks

    drain._insert = insert_and_count_all
    drain.streams.take = lambda _: _Forgetful()
    drain.stream.after = lambda _: "0-0"


MUTATIONS = {"drain-without-cursor": drain_without_cursor}
