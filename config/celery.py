"""The Celery application: `celery -A config worker`, `celery -A config beat`."""

import os
import warnings

from celery import Celery
from celery.exceptions import SecurityWarning

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Said of root because a pickled task could do anything; this worker takes JSON alone.
warnings.simplefilter("ignore", SecurityWarning)

app = Celery("rallypoint", task_cls="monitoring.maintenance.tasks:PatientTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
