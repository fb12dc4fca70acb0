"""`manage.py health`: the same report that an operator gets over HTTP."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from monitoring.health import services
from monitoring.health.runner import BEAT, WEB, WORKER

EXAMPLE = "Example: manage.py health --json | jq .checks"
_APART = frozenset({"status", "latency", "hint"})


class Command(BaseCommand):
    help = f"Say how the service is: exit 0 when healthy or degraded, 1 otherwise. {EXAMPLE}"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="the whole report as JSON")
        parser.add_argument(
            "--role",
            choices=(WEB, WORKER, BEAT),
            default=WEB,
            help="for which kind of process: each can do without other parts (web)",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        report = services.full_report(options["role"])
        self.stdout.write(json.dumps(report, indent=2) if options["json"] else _table(report))
        if not report["status"].serves:
            raise SystemExit(1)


def _table(report: dict[str, Any]) -> str:
    width = max(map(len, report["checks"]), default=0)
    maintenance = "; maintenance is on" if report["maintenance"] else ""
    lines = [f"Rallypoint {report['version']} is {report['status']}{maintenance}"]
    for name, check in report["checks"].items():
        lines.append(f"  {name:<{width}}  {_line(check)}")
        if hint := check.get("hint"):
            lines.append(f"  {'':<{width}}  {hint}")
    return "\n".join(lines)


def _line(check: dict[str, Any]) -> str:
    latency = "" if check["latency"] is None else f"{check['latency']:8.1f} ms"
    rest = {name: value for name, value in check.items() if name not in _APART}
    told = ", ".join(f"{name} {value}" for name, value in rest.items())
    return f"{check['status']:<11} {latency:>11}  {told}".rstrip()
