from quests.models.ledger import (
    OVERALL,
    Completion,
    LedgerEntry,
    QuotaSlot,
    RankChange,
    RankSegment,
    SeasonRank,
    Standing,
)
from quests.models.outbox import AuditEntry, Delivery, OutboxEvent, Webhook
from quests.models.progress import Attempt, Evidence, Player, Proof, StepTries
from quests.models.quest import (
    Achievement,
    EarnedAchievement,
    Quest,
    QuestVersion,
    Requirement,
    Season,
)

__all__ = [
    "OVERALL",
    "Achievement",
    "Attempt",
    "AuditEntry",
    "Completion",
    "Delivery",
    "EarnedAchievement",
    "Evidence",
    "LedgerEntry",
    "OutboxEvent",
    "Player",
    "Proof",
    "Quest",
    "QuestVersion",
    "QuotaSlot",
    "RankChange",
    "RankSegment",
    "Requirement",
    "Season",
    "SeasonRank",
    "Standing",
    "StepTries",
    "Webhook",
]
