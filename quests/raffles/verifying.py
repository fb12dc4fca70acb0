"""Whether a raffle was drawn as it was promised: from its document alone, or against the rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from quests.models import Completion, Raffle
from quests.raffles import drawing
from quests.raffles.document import checksum_of, document_of

_TEXTS = (
    "algorithm", "raffle", "commitment", "seed", "beaconSource", "beacon", "entrantsDigest",
    "checksum",
)  # fmt: skip
_LISTS = ("entrants", "drawn")


@dataclass(frozen=True, slots=True)
class Check:
    """`is_note`: something to know of that does not make the draw wrong."""

    name: str
    is_right: bool
    found: str
    is_note: bool = False


def verify_document(document: Any, *, commitment: str = "") -> list[Check]:
    """Nothing but the document is read; `commitment` is the one that somebody noted when it was
    published. ValueError when it is no such document."""
    read = _shaped(document)
    return list(_checks(read, commitment.lower() or read["commitment"]))


def verify_raffle(raffle: Raffle, *, commitment: str = "") -> list[Check]:
    """The same of what the database holds, and whether the entrants were entitled to be.
    Problem (409) `raffle_not_drawn`."""
    checks = verify_document(document_of(raffle), commitment=commitment)
    return [*checks, *_against_rows(raffle)]


def is_right(checks: list[Check]) -> bool:
    return all(check.is_right for check in checks)


def _shaped(document: Any) -> Mapping[str, Any]:
    if not isinstance(document, Mapping):
        raise ValueError("This is no raffle: an object is expected.")  # noqa: TRY004 - of the file
    known = {*_TEXTS, *_LISTS, "winners"}
    if unlike := sorted(known ^ {str(name) for name in document}):
        raise ValueError(f"This is no raffle: “{unlike[0]}” is missing, or not known.")
    texts = [document[name] for name in _TEXTS]
    for name in _LISTS:
        if not isinstance(document[name], list):
            raise ValueError(f"This is no raffle: “{name}” is a list.")  # noqa: TRY004 - as above
        texts += document[name]
    if not all(isinstance(text, str) for text in texts) or type(document["winners"]) is not int:
        raise ValueError("This is no raffle: something in it is of another type.")
    return document


def _checks(document: Mapping[str, Any], commitment: str) -> Iterator[Check]:
    seed, entrants = _unhexed(document["seed"]), document["entrants"]
    yield _same("algorithm", drawing.ALGORITHM, document["algorithm"])
    yield _same("checksum", checksum_of(document), document["checksum"])
    yield _same("published commitment", commitment, document["commitment"])
    yield _same("commitment", drawing.commitment_of(seed), document["commitment"])
    try:
        in_order = drawing.canonical(entrants) == entrants
    except ValueError as error:
        yield Check("entrants", is_right=False, found=str(error))
        return
    yield Check("entrants", in_order, f"{len(entrants):,}, {'' if in_order else 'not '}in order")
    yield _same("entrants' digest", drawing.digest_of(entrants), document["entrantsDigest"])
    drawn = drawing.draw(seed, document["beacon"], entrants, max(0, document["winners"]))
    told = f"{len(drawn):,} of {document['winners']:,} places"
    yield Check("winners", drawn == document["drawn"], told)


def _against_rows(raffle: Raffle) -> Iterator[Check]:
    rows = Completion.objects.filter(pk__in=raffle.entrants.values("completion"))
    entitled = Q(completed_at__lt=raffle.closes_at)
    entitled &= Q(quest=raffle.quest_id) if raffle.quest_id else Q(quest__season=raffle.season_id)
    if raffle.opens_at:
        entitled &= Q(completed_at__gte=raffle.opens_at)
    strangers = rows.exclude(entitled).count()
    yield Check("entitled", not strangers, f"{strangers:,} entrants that should not be there")
    count, players = rows.count(), rows.values("player").distinct().count()
    yield Check("one entry a player", count == players, f"{players:,} players")
    since = rows.exclude(status=Completion.Status.PAID)
    winners = since.filter(pk__in=raffle.drawn.values("completion")).count()
    found = f"{since.count():,} entrants, {winners:,} of them winners"
    yield Check("held or reversed since", is_right=True, found=found, is_note=True)


def _same(name: str, expected: str, given: str) -> Check:
    found = given if expected == given else f"{given} is not {expected}"
    return Check(name, expected == given, found)


def _unhexed(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""  # which no commitment is of
