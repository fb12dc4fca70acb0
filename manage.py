#!/usr/bin/env python
"""Django's command line, with the product's own commands: `manage.py help` lists them."""

import gc
import os
import sys

from django.core.management import execute_from_command_line
from django.db import InternalError, OperationalError
from psycopg.errors import ReadOnlySqlTransaction

if __name__ == "__main__":
    # What is imported stays: a collector that looks after every 700 objects costs a tenth of the
    # start.
    gc.set_threshold(50_000, 20, 50)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        first_line = str(error).partition("\n")[0]
        sys.exit(f"PostgreSQL does not answer ({first_line}). Is `make run` running?")
    except InternalError as error:
        if not isinstance(error.__cause__, ReadOnlySqlTransaction):
            raise
        sys.stderr.write("The database takes nothing now: see `manage.py maintenance status`.\n")
        sys.exit(os.EX_TEMPFAIL)
    except UnicodeEncodeError:
        sys.exit("An argument is not valid UTF-8.")
