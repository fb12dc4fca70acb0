"""This machine, and what runs beside us."""

import resource
from collections.abc import Iterator

from monitoring.doctor.finding import Finding, Level, judge
from monitoring.health.report import Check, Status
from monitoring.health.runner import runner

FEW_FILES = 4096


def open_files() -> Iterator[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    is_low = 0 <= soft < FEW_FILES
    yield judge(
        "open files", f"ulimit -n is {soft} here (at most {hard}).", wrong=is_low,
        fix="Raise it (LimitNOFILE=, ulimit -n): each connection needs one.",
    )  # fmt: skip


def health() -> Iterator[Finding]:
    """What `manage.py health` says, all of it: Celery and beat, queues, disk, clock, migrations."""
    for name, found in runner().results().items():
        yield Finding(_level(found), name, _text(found), str(found.details.get("hint", "")))


def _level(found: Check) -> Level:
    if found.status is Status.HEALTHY:
        return Level.OK
    return Level.ERROR if not found.status.serves else Level.WARNING


def _text(found: Check) -> str:
    told = (f"{name} {value}" for name, value in found.details.items() if name != "hint")
    return f"{found.status}{'; ' * bool(found.details)}{', '.join(told)}"[:160]
