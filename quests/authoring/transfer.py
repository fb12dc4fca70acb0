"""Quests as YAML: written out whole, read in with a dry run that shows what would change."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from rest_framework.exceptions import ValidationError

from accounts.models import User
from monitoring.wire.mapping import as_problem
from monitoring.wire.problems import Problem
from quests.authoring import notation, services
from quests.authoring.document import document_of, read
from quests.models import Quest

MAX_BYTES = 5 * 1024 * 1024
MAX_QUESTS = 1_000


class TransferError(Exception):
    """What is wrong with a file, in sentences."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an import does with one quest; `diff` has lines as `diff -u` writes them."""

    number: int
    title: str
    action: str
    diff: list[str]


def export_quests(numbers: Iterable[int] = ()) -> str:
    """All quests, or those with these numbers, as one YAML document."""
    quests = Quest.objects.select_related("season").prefetch_related("requirements")
    if wanted := list(numbers):
        quests = quests.filter(number__in=wanted)
    return notation.dump({"quests": [document_of(quest) for quest in quests.order_by("number")]})


def import_quests(text: str, *, actor: User, dry_run: bool) -> list[Change]:
    """Make or change what the file says, all or nothing; a quest that it does not name stays.
    TransferError lists what is wrong with which quest."""
    documents = _parsed(text)
    errors = _repeated(documents)
    changes: list[Change] = []
    with transaction.atomic():
        for place, document in enumerate(documents, 1):
            try:
                changes.append(_apply(document, actor))
            except (Problem, ValidationError) as error:
                errors += _sentences(_name(place, document), error)
        errors += _broken(changes)
        if errors or dry_run:
            transaction.set_rollback(True)
    if errors:
        raise TransferError("\n".join(errors))
    return changes


def _repeated(documents: list[dict[str, Any]]) -> list[str]:
    """A quest that stands twice in a file would be what the later one says."""
    numbers = Counter(str(document["number"]) for document in documents if "number" in document)
    return [
        f"Quest {number} stands {count} times in the file."
        for number, count in numbers.items()
        if count > 1
    ]


def _name(place: int, document: dict[str, Any]) -> str:
    known = [f"{name} {document[name]}" for name in ("number", "title") if name in document]
    return f"quest {place} of the file ({', '.join(known)[:80]})" if known else f"quest {place}"


def _broken(changes: list[Change]) -> Iterator[str]:
    """What the quests build on, seen when all of the file are there."""
    numbers = [change.number for change in changes]
    for quest in Quest.objects.filter(number__in=numbers).order_by("number"):
        try:
            services.refuse_unplayable(quest)
        except ValidationError as error:
            yield from _sentences(f"quest {quest.number}", error)


def _apply(document: dict[str, Any], actor: User) -> Change:
    with transaction.atomic():
        number = document.get("number")
        known = Quest.objects.filter(number=number).first() if isinstance(number, int) else None
        if known is None:
            made = services.create_quest(document=document, actor=actor, alone=False)
            return Change(
                made.number, made.title, "new", notation.difference({}, document_of(made))
            )
        before = document_of(known)
        fields = _completed(document, before)
        changed = services.update_quest(quest=known, document=fields, actor=actor, alone=False)
        diff = notation.difference(before, document_of(changed))
        return Change(known.number, changed.title, "changed" if diff else "same", diff)


def _completed(document: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """What the file leaves out stays as it is."""
    fields = before | document
    read(fields)
    return fields


def _parsed(text: str) -> list[dict[str, Any]]:
    if len(text.encode()) > MAX_BYTES:
        raise TransferError(f"The file is over {MAX_BYTES:,} bytes.")
    try:
        content = notation.parse(text)
    except ValueError as error:
        raise TransferError(str(error)) from None
    quests = content.get("quests") if isinstance(content, dict) else None
    if not isinstance(quests, list) or not all(isinstance(quest, dict) for quest in quests):
        raise TransferError("The file holds “quests:” and below it a list of quests.")
    if len(quests) > MAX_QUESTS:
        raise TransferError(f"A file has at most {MAX_QUESTS:,} quests.")
    return quests


def _sentences(name: str, error: Exception) -> Iterator[str]:
    problem = as_problem(error)
    assert problem is not None  # noqa: S101 - both kinds have one
    if not problem.errors:
        yield f"{name}: {problem.detail}"
    for item in problem.errors:
        yield f"{name}, {item['field']}: {item['message']}"
