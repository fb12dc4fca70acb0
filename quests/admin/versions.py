"""Who changed what of a quest, newest first."""

from typing import Any, NamedTuple

from quests.authoring import notation
from quests.authoring.document import QuestDocument
from quests.models import Quest, QuestVersion

_MOST = 50


class Line(NamedTuple):
    text: str
    # "added", "removed" or "" for what stands around.
    change: str


class Change(NamedTuple):
    version: QuestVersion
    lines: list[Line]


def versions_of(quest: Quest) -> list[Change]:
    """The newest _MOST, each with its difference to the one before."""
    rows = list(quest.versions.select_related("changed_by")[: _MOST + 1])
    documents = [_ordered(row.definition) for row in rows]
    changes = [
        Change(row, _lines(notation.difference(old, new)))
        for row, new, old in zip(rows, documents, [*documents[1:], {}], strict=True)
    ]
    return changes[:_MOST]


def _ordered(definition: dict[str, Any]) -> dict[str, Any]:
    """PostgreSQL keeps the members of an object, not their order."""
    names = [str(name) for name in QuestDocument().fields]
    return {name: definition[name] for name in names if name in definition}


def _lines(diff: list[str]) -> list[Line]:
    """Without the three lines at the head of a diff, which name files."""
    marks = {"+": "added", "-": "removed"}
    return [Line(line, marks.get(line[:1], "")) for line in diff[3:]]
