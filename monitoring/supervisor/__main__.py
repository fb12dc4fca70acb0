"""`python -m monitoring.supervisor [--port N] [--host H] [--no-demo]`: what `manage.py up` runs."""

import argparse
import os
import signal
import sys
from types import FrameType

from monitoring.embedded import EmbeddedServerError
from monitoring.supervisor.arguments import add_arguments
from monitoring.supervisor.errors import CannotStart
from monitoring.supervisor.instance import Address
from monitoring.supervisor.terminal import Terminal
from monitoring.supervisor.up import up


def main() -> int:
    parser = argparse.ArgumentParser(prog="manage.py up")
    add_arguments(parser)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)  # so that servers that started are stopped
    signal.signal(signal.SIGHUP, _leave)
    try:
        address = Address(options.host, options.port)
        up(address, os.environ, Terminal(), with_demo=not options.no_demo)
    except (CannotStart, EmbeddedServerError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - this is a command
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
