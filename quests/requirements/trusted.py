"""What a trusted service asserts over `POST /api/evidence`."""

from typing import Any

from quests.models import Evidence
from quests.requirements.base import Config, Kind, only, whole_number


class TrustedEvidence(Kind):
    """`{"count": 1}`: so many different facts."""

    name = "evidence"
    title = "Asserted by a service"
    is_answered = False

    def clean(self, config: Config) -> dict[str, Any]:
        only(config, "count")
        return {"count": whole_number(config, "count", 1, at_least=1, at_most=1_000)}

    def needed(self, config: Config) -> int:
        return int(config["count"])

    def describe(self, evidence: Evidence) -> str:
        return f"Asserted by {evidence.payload.get('assertedBy')}"
