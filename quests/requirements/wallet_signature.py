"""A sentence that the player signs with her wallet (EIP-191): an oath, terms, a pledge."""

from typing import Any

from django.conf import settings

from accounts.addresses import to_checksum
from accounts.models import Wallet
from accounts.siwe.signatures import recover
from monitoring.wire.problems import Problem
from quests.models import Evidence
from quests.requirements.base import Config, Fact, Kind, Place, only, text_of

_LONGEST_SENTENCE = 1_000
_LONGEST_SIGNATURE = 200


class WalletSignature(Kind):
    """`{"sentence": "..."}`. What is signed is `message_for`: it names the instance and the quest,
    so that a signature given elsewhere is worth nothing here."""

    name = "wallet_signature"
    title = "Wallet signature"

    def clean(self, config: Config) -> dict[str, Any]:
        only(config, "sentence")
        sentence = config.get("sentence")
        if not isinstance(sentence, str) or not 0 < len(sentence.strip()) <= _LONGEST_SENTENCE:
            raise ValueError(f"“sentence” is a text of at most {_LONGEST_SENTENCE} characters.")
        return {"sentence": sentence.strip()}

    def public(self, config: Config) -> dict[str, Any]:
        return {"sentence": config["sentence"], "instance": settings.PUBLIC_URL}

    def submit(self, place: Place, answer: Any) -> Fact | None:
        signature = text_of(answer, longest=_LONGEST_SIGNATURE)
        message = message_for(place.step.config["sentence"], place.quest.number, place.period)
        address = recover(message.encode(), signature)
        if not Wallet.objects.filter(user=place.player, address=address).exists():
            detail = "The signature is not that of a wallet of yours, over this message."
            raise Problem("signature_mismatch", detail, status=400)
        payload = {"walletAddress": to_checksum(address)}
        return Fact(f"signature {place.period}".strip(), place.now, payload)

    def describe(self, evidence: Evidence) -> str:
        return f"Signed by {evidence.payload.get('walletAddress')}"


def message_for(sentence: str, number: int, period: str) -> str:
    """The text to sign, line by line: the sentence, the instance, the quest, the period if any."""
    lines = [sentence, f"Instance: {settings.PUBLIC_URL}", f"Quest: {number}"]
    return "\n".join([*lines, f"Period: {period}"] if period else lines)
