"""The product's own Celery application, for which the receiver of a campaign is a public one; or a
build of it that is broken on purpose."""

import os
from typing import Any

from celery.signals import worker_process_init

from config.celery import app
from tests.chaos.campaign.mutations import mutate

__all__ = ["app"]


@worker_process_init.connect
def change(**_: Any) -> None:
    _let_receiver_be_public(int(os.environ["CAMPAIGN_RECEIVER"]))
    mutate("worker")


def _let_receiver_be_public(port: int) -> None:
    from monitoring.outbound import Connector
    from quests.webhooks import sending

    sending.Connector = lambda **_: Connector(
        resolve=lambda *_: [("127.0.0.1", port)], is_allowed="127.0.0.1".__eq__
    )
