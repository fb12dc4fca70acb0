"""`manage.py monitor`: what the service does just now, in a terminal."""

import json
import shutil
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from monitoring.health import services
from monitoring.performance.figures import Figures, figures
from monitoring.performance.recommendations import recommendations
from monitoring.performance.remote import Instance, SilentInstanceError
from monitoring.performance.screen import colours, parts, plain, screen
from monitoring.performance.snapshots import Change, History

EXAMPLE = "Example: manage.py monitor --interval 1, or manage.py monitor --once --json | jq .routes"
# Rates are over so many seconds: shorter ones jump.
WINDOW = 10.0
# Without a cursor, and without a second row for lines that are too long.
_OTHER_SCREEN, _FIRST_SCREEN = "\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h\x1b[?1049l"
_HOME, _REST_OF_LINE, _BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


class Command(BaseCommand):
    help = (
        "Show rates, latencies, workers, pools, queues and breakers of a running instance, from "
        f"its own metrics: its database may be away. Ctrl-C ends it. {EXAMPLE}"
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        here = f"http://{settings.BIND}"
        parser.add_argument("--url", default=here, help="where it is (%(default)s)")
        parser.add_argument("--interval", type=float, default=2.0, help="seconds (%(default)s)")
        parser.add_argument("--once", action="store_true", help="one picture, for scripts")
        parser.add_argument("--json", action="store_true", help="with --once: the figures as JSON")

    def handle(self, *_: Any, **options: Any) -> None:
        if not 0.1 <= options["interval"] <= 60:
            raise CommandError("--interval is between 0.1 and 60 seconds.")
        watching = Watching(Instance(options["url"].rstrip("/"), settings.METRICS_TOKEN))
        if options["once"] or options["json"] or not sys.stdout.isatty():
            self._once(watching, options)
        else:
            self._live(watching, options["interval"])

    def _once(self, watching: "Watching", options: dict[str, Any]) -> None:
        """Two looks, because a rate needs them. Exit 1 when the instance does not serve."""
        watching.look()
        time.sleep(options["interval"])
        watching.look()
        if options["json"]:
            self.stdout.write(json.dumps(watching.document(), indent=2))
        else:
            self.stdout.write("\n".join(watching.lines(plain)))
        if not watching.serves:
            raise SystemExit(1)

    def _live(self, watching: "Watching", interval: float) -> None:
        self.stdout.write(_OTHER_SCREEN, ending="")
        try:
            while True:
                watching.look()
                self._draw(watching.lines(colours))
                time.sleep(interval)
        except KeyboardInterrupt:
            pass
        finally:
            self.stdout.write(_FIRST_SCREEN, ending="")

    def _draw(self, lines: Iterable[str]) -> None:
        """Over what stood there: a cleared screen flickers."""
        height = shutil.get_terminal_size().lines
        shown = list(lines)[: height - 1]
        text = "".join(f"{line}{_REST_OF_LINE}\n" for line in shown)
        self.stdout.write(f"{_HOME}{text}{_BELOW}", ending="")
        self.stdout.flush()


class Watching:
    """One instance, look after look. While it is silent, its parts are asked from here."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._history = History(most=120)
        self._silence = ""
        self._figures: Figures = {}
        self._health: dict[str, Any] = {}

    @property
    def serves(self) -> bool:
        return not self._silence and self._health.get("status") in {"healthy", "degraded"}

    def look(self) -> None:
        try:
            taken, self._health = self._instance.look()
        except SilentInstanceError as error:
            self._silence, self._health = str(error), services.short_report()
            return
        self._silence = ""
        older = self._history.before(taken.at - WINDOW) or taken
        self._figures = figures(Change(older, taken))
        self._history.add(taken)

    def document(self) -> dict[str, Any]:
        advice = recommendations(self._figures) if self._figures else []
        found = {**self._figures, "health": self._health, "recommendations": advice}
        return {**found, "silence": self._silence} if self._silence else found

    def lines(self, paint: Any) -> Iterable[str]:
        if self._silence:
            yield paint(f"{self._silence}. Asked from here:", "unhealthy")
            yield from parts(self._health, paint)
        else:
            advice = recommendations(self._figures)
            yield from screen(self._figures, self._health, advice, paint)
