"""`manage.py raffle`: make one, draw it, show it, and check that it was drawn as promised."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive

from accounts.management.operators import add_by, find_operator
from monitoring.wire.fields import instant
from monitoring.wire.problems import Problem
from quests.models import Quest, Raffle, Season
from quests.raffles import services
from quests.raffles.document import document_of
from quests.raffles.verifying import Check, is_right, verify_document, verify_raffle

# A million entrants are some 40 MB.
_MAX_BYTES = 64 * 1024 * 1024


class Command(BaseCommand):
    help = (
        "Raffles among those who completed a quest or any quest of a season. Example: manage.py "
        "raffle create spring --title Spring --quest 7 --winners 3 --closes 2031-05-01T00:00Z; "
        "raffle draw spring; raffle show spring --json > spring.json; raffle verify spring; "
        "raffle verify --file spring.json"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        deeds = parser.add_subparsers(dest="deed", required=True, metavar="DEED")
        _add_create(deeds.add_parser("create", help="make one, and publish its commitment"))
        draw = deeds.add_parser("draw", help="draw it, once, after it has closed")
        draw.add_argument("slug", metavar="SLUG")
        draw.add_argument("--beacon", default="", help="the value of the beacon that was announced")
        add_by(draw)
        show = deeds.add_parser("show", help="show it")
        show.add_argument("slug", metavar="SLUG")
        show.add_argument("--json", action="store_true", help="all that it takes to draw it again")
        verify = deeds.add_parser("verify", help="check it; exits 1 when something is wrong")
        what = verify.add_mutually_exclusive_group(required=True)
        what.add_argument("slug", nargs="?", metavar="SLUG")
        what.add_argument(
            "--file", type=Path, help="what `show --json` wrote: nothing else is read"
        )
        verify.add_argument("--commitment", default="", help="the one you noted beforehand")

    def handle(self, *, deed: str, **options: Any) -> None:
        deeds: dict[str, Callable[..., None]] = {
            "create": self._create, "draw": self._draw, "show": self._show, "verify": self._verify,
        }  # fmt: skip
        try:
            deeds[deed](**options)
        except Problem as problem:
            raise CommandError(str(problem.detail)) from None

    def _create(self, *, slug: str, **options: Any) -> None:
        quest, season = options["quest"], options["season"]
        made = services.create_raffle(
            slug=slug,
            title=options["title"],
            quest=_found(Quest, number=quest) if quest else None,
            season=_found(Season, slug=season) if season else None,
            winners=options["winners"],
            opens_at=_moment(options["opens"]),
            closes_at=_moment(options["closes"]),
            beacon_source=options["beacon_source"],
            actor=find_operator(options["by"]),
        )
        self.stdout.write(f"{made.slug} is made. Its commitment: {made.commitment}")

    def _draw(self, *, slug: str, beacon: str, by: str | None, **_: Any) -> None:
        raffle = _found(Raffle, slug=slug)
        drawn = services.draw_raffle(raffle=raffle, actor=find_operator(by), beacon=beacon)
        self.stdout.write(f"{slug} is drawn from {drawn.entrants.count():,} entrants.")
        self._winners(drawn)

    def _show(self, *, slug: str, json: bool, **_: Any) -> None:
        raffle = _found(Raffle, slug=slug)
        if json:
            self.stdout.write(_as_json(document_of(raffle)))
            return
        self.stdout.write(f"{raffle.title} ({slug}), {raffle.winners:,} places")
        self.stdout.write(f"of          {raffle.quest or raffle.season}")
        self.stdout.write(f"closes      {instant(raffle.closes_at)}")
        self.stdout.write(f"commitment  {raffle.commitment}")
        if raffle.beacon_source:
            self.stdout.write(f"beacon      {raffle.beacon_source}")
        if raffle.drawn_at:
            self.stdout.write(f"drawn       {instant(raffle.drawn_at)}")
            self._winners(raffle)

    def _winners(self, raffle: Raffle) -> None:
        for row in raffle.drawn.select_related("completion__player"):
            found = row.completion
            self.stdout.write(
                f"{row.place:>4}. {found.player} {found.public_id} {found.get_status_display()}"
            )

    def _verify(self, *, slug: str | None, file: Path | None, commitment: str, **_: Any) -> None:
        try:
            if file is not None:
                checks = verify_document(_loaded(file), commitment=commitment)
            else:
                checks = verify_raffle(_found(Raffle, slug=slug), commitment=commitment)
        except ValueError as error:
            raise CommandError(str(error)) from None
        for check in checks:
            self.stdout.write(_line(check))
        if not is_right(checks):
            raise CommandError("This is not what was promised.", returncode=1)
        self.stdout.write("All as promised.")


def _add_create(parser: CommandParser) -> None:
    parser.add_argument("slug", metavar="SLUG")
    parser.add_argument("--title", required=True)
    among = parser.add_mutually_exclusive_group(required=True)
    among.add_argument("--quest", type=int, metavar="NUMBER")
    among.add_argument("--season", metavar="SLUG")
    parser.add_argument("--winners", type=int, default=1, metavar="N")
    parser.add_argument("--opens", metavar="TIME", help="such as 2031-05-01T00:00Z")
    parser.add_argument("--closes", required=True, metavar="TIME")
    parser.add_argument("--beacon-source", default="", metavar="TEXT")
    add_by(parser)


def _found(model: Any, **by: Any) -> Any:
    found = model.objects.filter(**by).first()
    if found is None:
        ((_, value),) = by.items()
        raise CommandError(f"There is no {model._meta.verbose_name} {value}.")  # noqa: SLF001 - Django's
    return found


def _moment(text: str | None) -> Any:
    if text is None:
        return None
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or is_naive(found):
        raise CommandError(f"{text!r} is no time with its zone, such as 2031-05-01T00:00Z.")
    return found


def _loaded(file: Path) -> Any:
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
    if len(content) > _MAX_BYTES:
        raise CommandError(f"{file} is over {_MAX_BYTES:,} bytes.")
    try:
        return json.loads(content)
    except ValueError:
        raise CommandError(f"{file} is no JSON: give what `raffle show --json` wrote.") from None


def _as_json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False)


def _line(check: Check) -> str:
    mark = "note" if check.is_note else "ok" if check.is_right else "NO"
    return f"{mark:<5}{check.name:<24}{check.found}"
