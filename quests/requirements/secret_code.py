"""A code that was said in a talk or hidden on a page. Case and space do not matter."""

import unicodedata
from typing import Any

from django.utils.crypto import constant_time_compare

from quests.models import Evidence
from quests.requirements.base import Config, Fact, Kind, Place, only, text_of
from quests.requirements.tries import clean_tries

MAX_CODES = 100
_LONGEST = 200


class SecretCode(Kind):
    """`{"codes": ["..."]}`: any of them is right."""

    name = "secret_code"
    title = "Secret code"
    is_guessable = True

    def clean(self, config: Config) -> dict[str, Any]:
        only(config, "codes", "tries", "pauseSeconds")
        codes = config.get("codes")
        if not isinstance(codes, list) or not 0 < len(codes) <= MAX_CODES:
            raise ValueError(f"“codes” lists 1 to {MAX_CODES} codes.")
        if not all(isinstance(code, str) and 0 < len(fold(code)) <= _LONGEST for code in codes):
            raise ValueError(f"Each code is a text of at most {_LONGEST} characters.")
        return {"codes": codes, **clean_tries(config)}

    def submit(self, place: Place, answer: Any) -> Fact | None:
        given = fold(text_of(answer, longest=_LONGEST))
        # Every code is compared, in the same time each.
        right = [constant_time_compare(fold(code), given) for code in place.step.config["codes"]]
        return Fact(f"code {place.period}".strip(), place.now) if any(right) else None

    def describe(self, evidence: Evidence) -> str:
        del evidence
        return "The right code"


def fold(code: str) -> str:
    """What two spellings of one code have in common."""
    return "".join(unicodedata.normalize("NFKC", code).casefold().split())
