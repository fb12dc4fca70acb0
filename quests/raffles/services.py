"""Making a raffle, closing its list of entrants, and drawing it: each once."""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import User
from monitoring.postgresql.retries import retried
from monitoring.wire.problems import Problem
from quests import audit, outbox
from quests.models import Completion, OutboxEvent, Quest, Raffle, RaffleWinner, Season
from quests.models.raffle import MAX_WINNERS
from quests.raffles import document, drawing

# Who completed in time may still be committing.
GRACE = timedelta(seconds=60)
MAX_BEACON = 500

# One statement, one snapshot. A player enters with the first of her completions that count.
_ENTER = """
INSERT INTO quests_raffleentrant (raffle_id, number, completion_id)
SELECT %(raffle)s, row_number() OVER (ORDER BY first.public_id), first.id
FROM (
    SELECT DISTINCT ON (done.player_id) done.id, done.public_id
    FROM quests_completion done JOIN quests_quest quest ON quest.id = done.quest_id
    WHERE done.status = 'paid' AND done.completed_at < %(closes)s
      AND (%(opens)s::timestamptz IS NULL OR done.completed_at >= %(opens)s)
      AND (done.quest_id = %(quest)s OR quest.season_id = %(season)s)
    ORDER BY done.player_id, done.completed_at, done.id
) first
"""


@transaction.atomic
def create_raffle(
    *,
    slug: str,
    title: str,
    winners: int,
    closes_at: datetime,
    actor: User,
    quest: Quest | None = None,
    season: Season | None = None,
    opens_at: datetime | None = None,
    beacon_source: str = "",
) -> Raffle:
    """The commitment is public from here on, and nothing of it changes any more.

    Problems (400): `winners_invalid`, `quest_or_season`, `opens_at_invalid`, `closes_at_passed`;
    (409) `slug_taken`.
    """
    _refuse_nonsense(quest, season, winners, opens_at, closes_at)
    seed = secrets.token_bytes(drawing.SEED_BYTES)
    raffle = Raffle(
        slug=slug,
        title=title,
        quest=quest,
        season=season,
        winners=winners,
        opens_at=opens_at,
        closes_at=closes_at,
        seed=seed,
        commitment=drawing.commitment_of(seed),
        beacon_source=beacon_source.strip(),
    )
    try:
        with transaction.atomic():
            raffle.save(force_insert=True)
    except IntegrityError as error:
        if "slug" not in str(error):
            raise
        raise Problem("slug_taken", "There is a raffle with this slug.", status=409) from None
    audit.record(
        actor=actor, action="raffle.created", subject=f"raffle {slug}",
        commitment=raffle.commitment, winners=winners,
    )  # fmt: skip
    return raffle


def close_raffles() -> int:
    """Closes the lists whose time has come. Returns how many."""
    due = Raffle.objects.filter(frozen_at=None, closes_at__lte=timezone.now() - GRACE)
    return sum(freeze_entrants(raffle_id=pk) for pk in due.values_list("pk", flat=True))


@retried
def freeze_entrants(*, raffle_id: int) -> bool:
    """Whether it was done now. What is paid, held or reversed from here on changes no list: else
    whoever may reverse could choose, by what she reverses, who wins."""
    raffle, now = Raffle.objects.select_for_update().get(pk=raffle_id), timezone.now()
    if raffle.frozen_at or now < raffle.closes_at + GRACE:
        return False
    _freeze(raffle, now)
    return True


@retried
def draw_raffle(*, raffle: Raffle, actor: User, beacon: str = "") -> Raffle:
    """Whoever comes second is told that it was drawn.

    Problems: (409) `raffle_drawn`, `raffle_open`, (400) `beacon_needed`, `beacon_unannounced`.
    """
    raffle = Raffle.objects.select_for_update().get(pk=raffle.pk)
    now = timezone.now()
    _refuse_drawing(raffle, now)
    raffle.beacon = _checked_beacon(raffle, beacon)
    entrants = document.entrant_ids(raffle) if raffle.frozen_at else _freeze(raffle, now)
    drawn = drawing.draw(bytes(raffle.seed), raffle.beacon, entrants, raffle.winners)
    _keep_winners(raffle, drawn)
    raffle.drawn_at = now
    raffle.save(update_fields=["beacon", "drawn_at"])
    _tell(raffle, actor, len(entrants), drawn)
    return raffle


def _refuse_nonsense(
    quest: Quest | None,
    season: Season | None,
    winners: int,
    opens_at: datetime | None,
    closes_at: datetime,
) -> None:
    if (quest is None) == (season is None):
        detail = "A raffle is of a quest or of a season: of exactly one."
        raise Problem("quest_or_season", detail, status=400)
    if not 1 <= winners <= MAX_WINNERS:
        raise Problem("winners_invalid", f"There are 1 to {MAX_WINNERS:,} winners.", status=400)
    if opens_at and closes_at <= opens_at:
        raise _wrong("opens_at_invalid", "opensAt", "A raffle closes after it opens.")
    # Else whoever makes it could look at the entrants first.
    if closes_at <= timezone.now():
        raise _wrong("closes_at_passed", "closesAt", "A raffle closes in the future.")


def _wrong(code: str, field: str, detail: str) -> Problem:
    return Problem(code, detail, status=400, errors=[{"field": field, "message": detail}])


def _refuse_drawing(raffle: Raffle, now: datetime) -> None:
    if raffle.drawn_at:
        raise Problem("raffle_drawn", "This raffle was drawn before.", status=409)
    if now < raffle.closes_at + GRACE:
        detail = f"It can be drawn from {raffle.closes_at + GRACE:%F %T} UTC on."
        raise Problem("raffle_open", detail, status=409)


def _checked_beacon(raffle: Raffle, beacon: str) -> str:
    beacon = beacon.strip()
    if raffle.beacon_source and not 0 < len(beacon) <= MAX_BEACON:
        detail = f"Give the value of “{raffle.beacon_source}”, at most {MAX_BEACON} characters."
        raise Problem("beacon_needed", detail, status=400)
    if beacon and not raffle.beacon_source:
        detail = "No beacon was announced for this raffle: one chosen now could choose the winner."
        raise Problem("beacon_unannounced", detail, status=400)
    return beacon


def _freeze(raffle: Raffle, now: datetime) -> list[str]:
    """The ids of the entrants, in the order that is drawn from."""
    _enter(raffle)
    entrants = document.entrant_ids(raffle)
    raffle.entrants_digest, raffle.frozen_at = drawing.digest_of(entrants), now
    raffle.save(update_fields=["entrants_digest", "frozen_at"])
    return entrants


def _enter(raffle: Raffle) -> None:
    given = {
        "raffle": raffle.pk,
        "opens": raffle.opens_at,
        "closes": raffle.closes_at,
        "quest": raffle.quest_id,
        "season": raffle.season_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ENTER, given)


def _keep_winners(raffle: Raffle, drawn: list[str]) -> None:
    wanted = [UUID(public_id) for public_id in drawn]
    known = dict(Completion.objects.filter(public_id__in=wanted).values_list("public_id", "pk"))
    RaffleWinner.objects.bulk_create(
        RaffleWinner(raffle=raffle, place=place, completion_id=known[public_id])
        for place, public_id in enumerate(wanted, 1)
    )


def _tell(raffle: Raffle, actor: User, entrants: int, drawn: list[str]) -> None:
    outbox.announce(
        kind=OutboxEvent.Kind.RAFFLE_DRAWN,
        payload={
            "raffle": raffle.slug,
            "title": raffle.title,
            "commitment": raffle.commitment,
            "seed": bytes(raffle.seed).hex(),
            "beacon": raffle.beacon,
            "entrants": entrants,
            "entrantsDigest": raffle.entrants_digest,
            "winners": drawn,
        },
    )
    audit.record(
        actor=actor, action="raffle.drawn", subject=f"raffle {raffle.slug}",
        entrants=entrants, entrants_digest=raffle.entrants_digest, beacon=raffle.beacon,
    )  # fmt: skip
