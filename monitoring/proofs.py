"""What the last proofs of the numbers (`reconcile`) found, kept for whoever asks afterwards."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import structlog
from django.utils import timezone
from redis.exceptions import RedisError

from monitoring.equations import Difference
from monitoring.redis import durable

logger = structlog.get_logger("rallypoint.proofs")

_KEY = "rallypoint:proofs"


class Proof(msgspec.Struct):
    at: datetime
    differences: int


def keep_proof(name: str, differences: Sequence[Difference]) -> None:
    """That it cannot be kept is no reason for a proof to fail."""
    proof = Proof(timezone.now(), len(differences))
    try:
        durable().hset(_KEY, name, msgspec.json.encode(proof))
    except (RedisError, OSError) as error:
        logger.warning("proof_not_kept", proof=name, error=type(error).__name__)


def last_proofs() -> dict[str, Proof]:
    """By name, in the order of names. RedisError when nobody can say."""
    found: Any = durable().hgetall(_KEY)
    return {
        name.decode(): msgspec.json.decode(proof, type=Proof)
        for name, proof in sorted(found.items())
    }
