"""The push: whoever hears of a fact has it verified in the background, at once.

Only a task is sent here; what it would have done, the sweep does too, so nothing that goes wrong
here loses anything.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import Signal
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from monitoring.redis import durable
from quests import tasks
from quests.models import Quest, Requirement
from quests.requirements.observed import Observed
from quests.requirements.registry import kinds

log = structlog.get_logger(__name__)

# A task that nobody has taken by then is the sweep's business.
EXPIRE_SECONDS = 600
# With so many tasks waiting, one more would only wait behind them.
_MOST_WAITING = 10_000
_KNOWN_SECONDS = 2.0

_connected: list[tuple[Signal, Callable[..., None]]] = []
_wanted: tuple[float, frozenset[str]] = (0.0, frozenset())


def connect() -> None:
    """To the signals of the kinds in the settings; called once, when the apps are ready."""
    for signal, receiver in _connected:
        signal.disconnect(receiver)
    _connected.clear()
    for kind in kinds().values():
        if isinstance(kind, Observed):
            _listen(kind.announced, partial(_push, tasks.verify_evidence, kind.name))
            if kind.changed is not None:
                _listen(kind.changed, partial(_push, tasks.look_again_at_evidence, kind.name))


def _listen(signal: Signal, receiver: Callable[..., None]) -> None:
    signal.connect(receiver, weak=False)
    _connected.append((signal, receiver))


def _push(task: Any, kind: str, *, ids: Sequence[Any], **_: Any) -> None:
    if kind not in _wanted_kinds():
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


def _wanted_kinds() -> frozenset[str]:
    """Those that some open quest asks for; most services have none, and then nothing is sent."""
    global _wanted  # noqa: PLW0603 - of the whole process
    if time.monotonic() > _wanted[0]:
        open_ones = Requirement.objects.exclude(quest__status=Quest.Status.DRAFT)
        names = frozenset(open_ones.values_list("kind", flat=True).distinct())
        _wanted = (time.monotonic() + _KNOWN_SECONDS, names)
    return _wanted[1]


def _reconnect(*, setting: str, **_: Any) -> None:
    if setting == "REQUIREMENT_KINDS":
        connect()


setting_changed.connect(_reconnect, dispatch_uid="quests.evidence.pushing")
