"""What a step's form sends, as the answer that its kind takes."""

import base64
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from monitoring.wire.problems import Problem
from quests.definitions import Step
from quests.requirements.proof import MAX_IMAGE_BYTES


def answer_in(request: HttpRequest, step: Step) -> Any:
    """Of a kind that has no form of its own, the field `answer`. Problem `answer_invalid`."""
    read = _READERS.get(step.kind)
    return read(request, step) if read else request.POST.get("answer", "")


def _quiz(request: HttpRequest, step: Step) -> dict[str, list[int]]:
    """Fields `q0`, `q1`...: the places of the options that were chosen."""
    chosen = {}
    for place in range(len(step.config["questions"])):
        values = request.POST.getlist(f"q{place}")
        if not values:
            detail = f"Question {place + 1} has no answer yet."
            raise Problem("answer_invalid", detail, status=400)
        chosen[str(place)] = [int(value) for value in values if value.isascii() and value.isdigit()]
    return chosen


def _proof(request: HttpRequest, _: Step) -> dict[str, str]:
    """The one of its fields that holds something."""
    given = {name: request.POST.get(name, "").strip() for name in ("link", "text")}
    given = {name: value for name, value in given.items() if value}
    if image := request.FILES.get("image"):
        if (image.size or 0) > MAX_IMAGE_BYTES:
            raise Problem("proof_too_large", "An image has at most 5 MB.", status=413)
        given["image"] = base64.b64encode(image.read()).decode()
    if len(given) != 1:
        detail = "Send one of them." if given else "There is nothing to look at yet."
        raise Problem("answer_invalid", detail, status=400)
    return given


def _here(_: HttpRequest, __: Step) -> str:
    return "here"


_READERS: dict[str, Callable[[HttpRequest, Step], Any]] = {
    "quiz": _quiz,
    "proof": _proof,
    "streak": _here,
}
