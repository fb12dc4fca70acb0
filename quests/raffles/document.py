"""A drawn raffle as a document: all that it takes to draw it again, and who was drawn."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from monitoring.wire.problems import Problem
from quests.models import Raffle
from quests.raffles import drawing


def document_of(raffle: Raffle) -> dict[str, Any]:
    """Problem (409) `raffle_not_drawn`: before, the seed is nobody's to read."""
    if raffle.drawn_at is None:
        raise Problem("raffle_not_drawn", "This raffle has not been drawn yet.", status=409)
    document = {
        "algorithm": drawing.ALGORITHM,
        "raffle": raffle.slug,
        "winners": raffle.winners,
        "commitment": raffle.commitment,
        "seed": bytes(raffle.seed).hex(),
        "beaconSource": raffle.beacon_source,
        "beacon": raffle.beacon,
        "entrantsDigest": raffle.entrants_digest,
        "entrants": entrant_ids(raffle),
        "drawn": winner_ids(raffle),
    }
    return document | {"checksum": checksum_of(document)}


def entrant_ids(raffle: Raffle) -> list[str]:
    """As they stood in it when its list was closed, in the order that was drawn from."""
    rows = raffle.entrants.order_by("number").values_list("completion__public_id", flat=True)
    return [str(public_id) for public_id in rows]


def winner_ids(raffle: Raffle) -> list[str]:
    rows = raffle.drawn.order_by("place").values_list("completion__public_id", flat=True)
    return [str(public_id) for public_id in rows]


def checksum_of(document: Mapping[str, Any]) -> str:
    """Of every member but the checksum: it shows that a file was changed, not by whom. Against a
    file made up as a whole, compare the commitment with the one that was published."""
    content = {name: value for name, value in document.items() if name != "checksum"}
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(plain.encode()).hexdigest()
