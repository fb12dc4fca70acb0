import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from monitoring.supervisor.arguments import add_arguments, from_options
from monitoring.supervisor.instance import PROJECT


class Command(BaseCommand):
    help = (
        "Run the whole instance: web, worker and beat, and a private PostgreSQL and Valkey where "
        "DATABASE_URL or REDIS_URL is not set. Example: manage.py up --port 8001"
    )
    requires_system_checks = ()  # they are for the processes that it starts

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_arguments(parser)

    def handle(self, **options: Any) -> None:
        """Become the supervisor: what watches the processes needs none of Django's memory."""
        command = [sys.executable, "-m", "monitoring.supervisor", *from_options(options)]
        os.chdir(PROJECT)
        os.execv(sys.executable, command)  # noqa: S606 - no shell is wanted
