"""Quests as YAML: written out whole, read in with a dry run that shows what would change."""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from django.db import transaction
from rest_framework.exceptions import ValidationError

from accounts.models import User
from monitoring.wire.mapping import as_problem
from monitoring.wire.problems import Problem
from quests.authoring import services
from quests.authoring.document import document_of, read
from quests.models import Quest

MAX_BYTES = 5 * 1024 * 1024
MAX_QUESTS = 1_000


class TransferError(Exception):
    """What is wrong with a file, in sentences."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an import does with one quest; `diff` has lines as `diff -u` writes them."""

    number: int | None
    title: str
    action: str
    diff: list[str]


def export_quests(numbers: Iterable[int] = ()) -> str:
    """All quests, or those with these numbers, as one YAML document."""
    quests = Quest.objects.select_related("season").prefetch_related("requirements")
    if wanted := list(numbers):
        quests = quests.filter(number__in=wanted)
    return _dumped({"quests": [document_of(quest) for quest in quests.order_by("number")]})


def import_quests(text: str, *, actor: User, dry_run: bool) -> list[Change]:
    """Make or change what the file says, all or nothing; a quest that it does not name stays.
    TransferError lists what is wrong with which quest."""
    documents = _parsed(text)
    errors: list[str] = []
    changes: list[Change] = []
    with transaction.atomic():
        for place, document in enumerate(documents, 1):
            try:
                changes.append(_apply(document, actor))
            except (Problem, ValidationError) as error:
                errors += _sentences(place, error)
        if errors or dry_run:
            transaction.set_rollback(True)
    if errors:
        raise TransferError("\n".join(errors))
    return changes


def _apply(document: dict[str, Any], actor: User) -> Change:
    with transaction.atomic():
        number = document.get("number")
        known = Quest.objects.filter(number=number).first() if isinstance(number, int) else None
        if known is None:
            made = services.create_quest(document=document, actor=actor)
            return Change(made.number, made.title, "new", _diff({}, document_of(made)))
        before = document_of(known)
        fields = _completed(document, before)
        changed = services.update_quest(quest=known, document=fields, actor=actor)
        diff = _diff(before, document_of(changed))
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
        content = yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - a subclass of the safe one
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise TransferError(f"This is no YAML: {error}") from None
    quests = content.get("quests") if isinstance(content, dict) else None
    if not isinstance(quests, list) or not all(isinstance(quest, dict) for quest in quests):
        raise TransferError("The file holds “quests:” and below it a list of quests.")
    if len(quests) > MAX_QUESTS:
        raise TransferError(f"A file has at most {MAX_QUESTS:,} quests.")
    return quests


def _diff(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    old, new = (_dumped(document).splitlines() if document else [] for document in (before, after))
    return list(difflib.unified_diff(old, new, "now", "then", lineterm="", n=1))


def _dumped(content: Any) -> str:
    dumped: str = yaml.dump(
        content, Dumper=_ReadableDumper, sort_keys=False, allow_unicode=True, width=100
    )
    return dumped


def _sentences(place: int, error: Exception) -> Iterator[str]:
    problem = as_problem(error)
    assert problem is not None  # noqa: S101 - both kinds have one
    if not problem.errors:
        yield f"quest {place}: {problem.detail}"
    for item in problem.errors:
        yield f"quest {place}, {item['field']}: {item['message']}"


class _PlainLoader(yaml.SafeLoader):
    """Times stay texts, as they are in JSON; aliases, which can blow up a file, are refused."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        return super().compose_node(parent, index)


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _ReadableDumper(yaml.SafeDumper):
    """Texts of several lines as blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_ReadableDumper.add_representer(str, _text)
