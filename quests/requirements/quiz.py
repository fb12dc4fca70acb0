"""Questions with given options. The right ones never leave the server."""

from collections.abc import Mapping
from typing import Any

from quests.models import Evidence
from quests.requirements.base import Config, Fact, Kind, Place, invalid, only, whole_number
from quests.requirements.tries import clean_tries

MAX_QUESTIONS = 50
MAX_OPTIONS = 10
_LONGEST = 500


class Quiz(Kind):
    """`{"questions": [{"text", "options": [...], "right": [0, 2]}], "pass": 3}`.

    The answer names for each question, by its place, the places of the options chosen:
    `{"0": [1], "1": [0, 2]}`. All or nothing a question; `pass` questions must be right (all).
    """

    name = "quiz"
    title = "Quiz"
    is_guessable = True

    def clean(self, config: Config) -> dict[str, Any]:
        only(config, "questions", "pass", "tries", "pauseSeconds")
        questions = config.get("questions")
        if not isinstance(questions, list) or not 0 < len(questions) <= MAX_QUESTIONS:
            raise ValueError(f"A quiz has 1 to {MAX_QUESTIONS} questions.")
        cleaned = [_cleaned(question) for question in questions]
        passing = whole_number(config, "pass", len(cleaned), at_least=1, at_most=len(cleaned))
        return {"questions": cleaned, "pass": passing, **clean_tries(config)}

    def public(self, config: Config) -> dict[str, Any]:
        questions = [
            {
                "text": question["text"],
                "options": question["options"],
                "several": len(question["right"]) > 1,
            }
            for question in config["questions"]
        ]
        return {"questions": questions, "pass": config["pass"]}

    def submit(self, place: Place, answer: Any) -> Fact | None:
        questions = place.step.config["questions"]
        chosen = _chosen(answer, len(questions))
        right = sum(
            chosen.get(place_of) == set(question["right"])
            for place_of, question in enumerate(questions)
        )
        if right < place.step.config["pass"]:
            return None
        payload = {"right": right, "questions": len(questions)}
        return Fact(f"quiz {place.period}".strip(), place.now, payload)

    def describe(self, evidence: Evidence) -> str:
        right, questions = (evidence.payload.get(name, 0) for name in ("right", "questions"))
        return f"{right} of {questions} questions right"


def _cleaned(question: Any) -> dict[str, Any]:
    if not isinstance(question, dict):
        raise ValueError("Each question is an object.")  # noqa: TRY004 - the caller's mistake
    only(question, "text", "options", "right")
    text, options, right = (question.get(name) for name in ("text", "options", "right"))
    if not isinstance(text, str) or not 0 < len(text.strip()) <= _LONGEST:
        raise ValueError(f"Each question has a text of at most {_LONGEST} characters.")
    if (
        not isinstance(options, list)
        or not 2 <= len(options) <= MAX_OPTIONS
        or not all(isinstance(option, str) and 0 < len(option) <= _LONGEST for option in options)
    ):
        raise ValueError(f"Each question has 2 to {MAX_OPTIONS} options, which are texts.")
    if not _are_places(right, len(options)) or not right:
        raise ValueError("“right” lists the places of the right options, from 0.")
    return {"text": text.strip(), "options": options, "right": sorted(set(right))}


def _chosen(answer: Any, questions: int) -> dict[int, set[int]]:
    if not isinstance(answer, Mapping):
        raise invalid("The answer names, for each question, the options chosen.")
    chosen = {}
    for key, options in answer.items():
        if not (key.isascii() and key.isdigit() and len(key) < 4 and int(key) < questions):
            raise invalid("The answer names a question that the quiz does not have.")
        options = [options] if isinstance(options, int) else options  # noqa: PLW2901 - one is a list
        if not _are_places(options, MAX_OPTIONS):
            raise invalid("Options are named by their places, from 0.")
        chosen[int(key)] = set(options)
    return chosen


def _are_places(value: Any, bound: int) -> bool:
    return isinstance(value, list) and all(
        isinstance(place, int) and not isinstance(place, bool) and 0 <= place < bound
        for place in value
    )
