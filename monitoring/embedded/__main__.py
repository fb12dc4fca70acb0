"""Run a command with servers of its own: `python -m monitoring.embedded --temporary -- pytest`."""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from monitoring.embedded import EmbeddedServerError, EmbeddedServers
from monitoring.embedded.lifeline import end_with_parent

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    options = _parse()
    signal.signal(signal.SIGTERM, _leave)  # so that the servers stop cleanly
    try:
        with EmbeddedServers(
            options.directory,
            temporary=options.temporary,
            database_url=os.environ.get("DATABASE_URL", ""),
            redis_url=os.environ.get("REDIS_URL", ""),
        ) as servers:
            urls = {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}
            return _run(options.command, {**os.environ, **urls})
    except EmbeddedServerError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - this is a command
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m monitoring.embedded",
        description="Run COMMAND with DATABASE_URL and REDIS_URL set. A server whose URL is not in "
        "the environment is started for it, and stopped after it.",
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--directory", type=Path, help="where the data live (VAR_DIR, or var)")
    place.add_argument("--temporary", action="store_true", help="fast servers, removed afterwards")
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="after --")
    options = parser.parse_args()
    if not options.temporary:
        options.directory = options.directory or Path(os.environ.get("VAR_DIR") or "var")
    return options


def _run(command: list[str], environment: dict[str, str]) -> int:
    try:
        child = subprocess.Popen(
            command,
            env=environment,
            preexec_fn=end_with_parent(signal.SIGTERM),  # noqa: PLW1509 - there is one thread
        )
    except OSError as error:
        raise EmbeddedServerError(f"{command[0]} cannot be run: {error.strerror}.") from error

    def forward(number: int, _frame: FrameType | None) -> None:
        # A terminal sends Ctrl-C to the child as well; it must not arrive twice.
        if number != signal.SIGINT or not _in_foreground():
            child.send_signal(number)

    for number in _FORWARDED:
        signal.signal(number, forward)
    code = child.wait()
    return 128 - code if code < 0 else code


def _in_foreground() -> bool:
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
