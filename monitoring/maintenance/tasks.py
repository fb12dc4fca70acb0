"""What Celery's tasks do while there is maintenance: they wait, for the database takes nothing."""

import sys
from typing import Any

from celery import Task

from monitoring.maintenance import services

TRY_AGAIN_SECONDS = 10
# However long it lasts; None would be the task's own number.
_WITHOUT_END = sys.maxsize


class PatientTask(Task):
    """A tick of beat is left out, for the next one does the same; any other task comes again. What
    needs no database says `in_maintenance=True`."""

    in_maintenance = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        request = self.request
        if self.in_maintenance or request.called_directly or not services.is_on():
            return super().__call__(*args, **kwargs)
        if request.expires or request.is_eager:
            return None
        raise self.retry(countdown=TRY_AGAIN_SECONDS, max_retries=_WITHOUT_END)
