class BackupError(Exception):
    """What is wrong with a backup or a restore: a sentence for the operator, without secrets."""


class BackupBusyError(BackupError):
    """Another process is at it."""
