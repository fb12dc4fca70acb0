from quests.models.appeal import Appeal
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
from quests.models.progress import Attempt, Challenge, Evidence, Player, Proof, StepTries, Sweep
from quests.models.quest import (
    Achievement,
    EarnedAchievement,
    Quest,
    QuestVersion,
    Requirement,
    Season,
)
from quests.models.raffle import Raffle, RaffleEntrant, RaffleWinner

__all__ = [
    "OVERALL",
    "Achievement",
    "Appeal",
    "Attempt",
    "AuditEntry",
    "Challenge",
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
    "Raffle",
    "RaffleEntrant",
    "RaffleWinner",
    "RankChange",
    "RankSegment",
    "Requirement",
    "Season",
    "SeasonRank",
    "Standing",
    "StepTries",
    "Sweep",
    "Webhook",
]
