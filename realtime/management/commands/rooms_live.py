"""`manage.py rooms_live`: which processes serve sockets, and in which rooms people are."""

import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitoring.wire.problems import Problem
from realtime.presence import selectors
from realtime.rooms import live_rooms


class Command(BaseCommand):
    help = (
        "Show the processes that serve sockets and the rooms that people are in, busiest first. "
        "Example: manage.py rooms_live --json"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true")
        parser.add_argument(
            "--limit", type=int, default=50, choices=range(1, 1001), metavar="N",
            help="rooms, at most (50)",
        )  # fmt: skip

    def handle(self, *, limit: int, **options: Any) -> None:
        try:
            report = _report(limit)
        except Problem as problem:
            raise CommandError(str(problem.detail)) from None
        if options["json"]:
            self.stdout.write(json.dumps(report))
            return
        for line in _table(report):
            self.stdout.write(line)


def _report(limit: int) -> dict[str, Any]:
    now = time.time()
    processes = [
        {
            "host": one.host, "pid": one.pid, "seconds": int(now - one.since),
            "connections": one.connections, "rooms": one.rooms, "degraded": one.degraded,
            "state": one.state,
        }
        for one in selectors.processes().values()
    ]  # fmt: skip
    rooms = [
        {"slug": room.slug, "kind": room.kind, "present": present, "seq": room.last_seq}
        for room, present in live_rooms(limit=limit)
    ]
    connected = selectors.get_connected_users(limit=1).present
    return {"people": connected, "processes": processes, "rooms": rooms}


def _table(report: dict[str, Any]) -> Iterator[str]:
    processes = sorted(report["processes"], key=lambda one: (one["host"], one["pid"]))
    yield f"{report['people']} people are connected to {len(processes)} processes."
    for one in processes:
        sign = f"  ({one['state']})" if one["state"] else ""
        yield (
            f"  {one['host']} {one['pid']}: {one['connections']} connections, "
            f"{one['rooms']} rooms, for {one['seconds']} s{sign}"
        )
    yield ""
    yield from _columns(["room", "kind", "present", "messages"], report["rooms"])


def _columns(heads: list[str], rooms: Iterable[dict[str, Any]]) -> Iterator[str]:
    rows = [heads, *([str(value) for value in room.values()] for room in rooms)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    for row in rows:
        yield "  ".join(
            value.ljust(width) for value, width in zip(row, widths, strict=True)
        ).rstrip()
