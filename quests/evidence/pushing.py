"""The push: whoever hears of a fact has it verified in the background, at once.

Only a task is sent here; what it would have done, the sweep does too, so nothing that goes wrong
here loses anything.
"""

from collections.abc import Callable, Sequence
from typing import Any

import structlog
from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import Signal
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from monitoring.redis import durable
from quests import tasks
from quests.evidence import verifying
from quests.requirements.observed import Observed
from quests.requirements.registry import kinds

log = structlog.get_logger(__name__)

# A task that nobody has taken by then is the sweep's business.
EXPIRE_SECONDS = 600
# With so many tasks waiting, one more would only wait behind them.
_MOST_WAITING = 10_000

_connected: list[tuple[Signal, Callable[..., None]]] = []


def connect() -> None:
    """To the signals of the kinds in the settings; called once, when the apps are ready."""
    for signal, receiver in _connected:
        signal.disconnect(receiver)
    _connected.clear()
    for kind in kinds().values():
        if isinstance(kind, Observed):
            _listen(kind.announced, tasks.verify_evidence, kind.name)
            if kind.changed is not None:
                _listen(kind.changed, tasks.look_again_at_evidence, kind.name)


def _listen(signal: Signal, task: Any, kind: str) -> None:
    def push(*, ids: Sequence[Any], **_: Any) -> None:
        _push(task, kind, ids)

    signal.connect(push, weak=False)
    _connected.append((signal, push))


def _push(task: Any, kind: str, ids: Sequence[Any]) -> None:
    if kind not in verifying.asked_kinds():
        return
    try:
        if durable().llen(_queue()) < _MOST_WAITING:
            task.apply_async((kind, list(ids)), expires=EXPIRE_SECONDS)
            return
        log.warning("evidence_not_pushed", kind=kind, reason="queue_full")
    except (OSError, RedisError, OperationalError) as error:
        log.warning("evidence_not_pushed", kind=kind, reason=type(error).__name__)


def _queue() -> str:
    prefix = settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
    return f"{prefix}{settings.CELERY_TASK_DEFAULT_QUEUE}"


def _reconnect(*, setting: str, **_: Any) -> None:
    if setting == "REQUIREMENT_KINDS":
        connect()


setting_changed.connect(_reconnect, dispatch_uid="quests.evidence.pushing")
