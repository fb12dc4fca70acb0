"""`manage.py reconcile`: prove the numbers of links, quests and rooms, or say what differs."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from redis.exceptions import RedisError

from links.clicks import reconciliation as clicks
from links.clicks.repair import repair as repair_clicks
from monitoring.equations import Difference
from monitoring.proofs import keep_proof
from quests import reconciliation as quests
from quests.leaderboard.rebuild import rebuild
from realtime import reconciliation as rooms

Reports = tuple[clicks.Report, quests.Report, rooms.Report]


class Command(BaseCommand):
    help = (
        "Check on the running system that no click is missing and none counted twice (E1, E2), "
        "that ledger, standings and leaderboards say the same (E3), that every fact has its event "
        "(E4), and that no room has lost a message (E5). Exit code 1 on a difference. "
        "Example: manage.py reconcile --json"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--repair",
            action="store_true",
            help="count roll-ups and counters anew from the stored clicks, write off what was "
            "issued and lost as dropped, and make standings and leaderboards anew from the ledger",
        )

    def handle(self, **options: Any) -> None:
        try:
            reports = _checked()
            if options["repair"] and _differences(reports):
                _repair(reports)
                reports = _checked()
        except RedisError as error:
            raise CommandError(f"Redis does not answer: {error}") from None
        self.stdout.write(_as_json(reports) if options["json"] else _as_table(reports))
        if differences := _differences(reports):
            raise CommandError(f"{len(differences)} differences.", returncode=1)


def _checked() -> Reports:
    of_clicks, of_quests, of_rooms = clicks.reconcile(), quests.reconcile(), rooms.reconcile()
    keep_proof("clicks", of_clicks.differences)
    keep_proof("quests", of_quests.differences)
    keep_proof("rooms", of_rooms.differences)
    return of_clicks, of_quests, of_rooms


def _repair(reports: Reports) -> None:
    of_clicks, of_quests, _ = reports
    if not of_clicks.is_clean:
        repair_clicks(of_clicks)
    if any(difference.equation == "E3" for difference in of_quests.differences):
        rebuild()


def _differences(reports: Reports) -> list[Difference]:
    return [difference for report in reports for difference in report.differences]


def _as_json(reports: Reports) -> str:
    differences = _differences(reports)
    figures: dict[str, Any] = {}
    for report in reports:
        figures |= {name: value for name, value in vars(report).items() if name != "differences"}
    told = [difference._asdict() for difference in differences]
    return json.dumps({"clean": not differences, **figures, "differences": told})


def _as_table(reports: Reports) -> str:
    of_clicks, of_quests, of_rooms = reports
    differences = _differences(reports)
    lines = [
        f"E1  clicks issued   {of_clicks.issued:>14,}",
        f"    stored          {of_clicks.stored:>14,}",
        f"    waiting         {of_clicks.waiting:>14,}",
        f"    dropped         {of_clicks.dropped:>14,}",
        f"E2  links           {of_clicks.links:>14,}",
        f"    clicks          {of_clicks.clicks:>14,}",
        f"E3  ledger entries  {of_quests.entries:>14,}",
        f"    XP in them      {of_quests.ledger_xp:>14,}",
        f"    XP in standings {of_quests.standing_xp:>14,}",
        f"    completions     {of_quests.completions:>14,}",
        f"E4  events          {of_quests.events:>14,}",
        f"    deliveries      {of_quests.deliveries:>14,}",
        f"    delivered       {of_quests.delivered:>14,}",
        f"    given up        {of_quests.dead:>14,}",
        f"    waiting         {of_quests.delivering:>14,}",
        f"E5  rooms           {of_rooms.rooms:>14,}",
        f"    messages        {of_rooms.messages:>14,}",
    ]
    lines += [
        f"!!  {d.equation} {d.subject}: expected {d.expected:,}, found {d.found:,}"
        for d in differences
    ]
    return "\n".join([*lines, "NOT EQUAL." if differences else "All equal."])
