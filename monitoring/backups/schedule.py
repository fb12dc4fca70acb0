"""Backups that are made by themselves: beat asks often, and one is made when one is due. So what
failed is tried again soon, and an instance that slept makes up for what it missed."""

import structlog

from monitoring.backups import records
from monitoring.backups.errors import BackupBusyError
from monitoring.backups.listing import is_due
from monitoring.backups.making import back_up
from monitoring.backups.progress import Progress
from monitoring.backups.store import Directory

log = structlog.get_logger("rallypoint.backups")


def back_up_when_due() -> str:
    """The name of what was made; empty when none was due, or another process makes it."""
    if not is_due():
        _say_again()
        return ""
    try:
        return back_up(Progress()).manifest.name
    except BackupBusyError:
        return ""


def _say_again() -> None:
    """A Redis that was emptied knows of no backup, though there is one."""
    newest = next(iter(Directory.ours().manifests()), None)
    if newest and records.newest() is None:
        records.note_newest(newest, is_copied=None)
