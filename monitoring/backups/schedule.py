"""Backups that are made by themselves: beat asks often, and one is made when one is due. So what
failed is tried again soon, and an instance that slept makes up for what it missed."""

import structlog

from monitoring.backups import records
from monitoring.backups.errors import BackupBusyError
from monitoring.backups.listing import is_due
from monitoring.backups.making import back_up, copy_if_missing, of_database
from monitoring.backups.progress import Progress
from monitoring.backups.store import Directory

log = structlog.get_logger("rallypoint.backups")


def back_up_when_due() -> str:
    """The name of what was made; empty when none was due, or another process makes it."""
    try:
        if is_due():
            return back_up(Progress()).manifest.name
        _catch_up()
    except BackupBusyError:
        pass
    return ""


def _catch_up() -> None:
    """A bucket that was away lacks the newest one; a Redis that was emptied knows of none."""
    newest = next(iter(of_database(Directory.ours().manifests())), None)
    known = records.newest()
    if newest and (known is None or known.is_copied is False):
        records.note_newest(newest, is_copied=copy_if_missing(newest))
