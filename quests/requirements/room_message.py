"""What a player says in a room, folded: the same again, or hardly anything, is nothing."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber, TruncDate

from quests.definitions import Step
from quests.models import Evidence
from quests.requirements.base import (
    Config,
    Disregarded,
    Fact,
    Judgement,
    Place,
    only,
    whole_number,
)
from quests.requirements.observed import Observed, OpenAttempt, Span, open_attempts
from quests.requirements.rooms import clean_room
from realtime.facts import message_changed, message_posted
from realtime.models import Message

# Of a player in a room on a day, since she is at the quest.
_MOST_OF_DAY = 500
_MOST_SHOWN = 100
_NO_LETTER = re.compile(r"[\W_]+")

_FACTS = """
    SELECT message.sender_id, room.slug, message.created_at, message.public_id::text
    FROM realtime_message message JOIN realtime_room room ON room.id = message.room_id
    WHERE message.deleted_at IS NULL AND {which}
"""


class RoomMessage(Observed):
    """`{"room": "lobby", "messages": 5, "days": 2, "minLength": 10}`: so many messages, on so many
    different days of the quest's time zone.

    What has fewer than `minLength` letters and digits does not count, nor what she has said before,
    nor what comes after the first 500 of a day.
    A message that is deleted afterwards counts no more; what it had paid is taken back.
    """

    name = "room_message"
    title = "Talk in a room"
    announced = message_posted
    changed = message_changed

    def clean(self, config: Config) -> dict[str, Any]:
        only(config, "room", "messages", "days", "minLength")
        messages = whole_number(config, "messages", 1, at_least=1, at_most=1_000)
        return {
            "room": clean_room(config),
            "messages": messages,
            "days": whole_number(config, "days", 1, at_least=1, at_most=min(messages, 366)),
            "minLength": whole_number(config, "minLength", 5, at_least=1, at_most=500),
        }

    def public(self, config: Config) -> dict[str, Any]:
        return dict(config)

    def needed(self, config: Config) -> int:
        return int(config["messages"])

    def concerned(self, ids: Sequence[Any]) -> list[OpenAttempt]:
        return self._open("message.public_id = ANY(%(ids)s::uuid[])", ids=list(ids))

    def missed(self, span: Span) -> list[OpenAttempt]:
        which = "message.created_at > %(since)s AND message.created_at <= %(until)s"
        return self._open(which, **span._asdict())

    def _open(self, which: str, **values: Any) -> list[OpenAttempt]:
        return open_attempts(
            _FACTS.format(which=which), kind=self.name, place="step.config ->> 'room'", **values
        )

    def find(self, place: Place) -> Iterable[Fact]:
        for message, why_not in _read(place):
            if not why_not:
                yield Fact(str(message.public_id), message.created_at, _payload(place, message))

    def describe(self, evidence: Evidence) -> str:
        return f"Message {evidence.payload['message']} in {evidence.payload['room']}"

    def disregarded(self, place: Place) -> Iterable[Disregarded]:
        unfit = [(message, why_not) for message, why_not in _read(place) if why_not]
        for message, why_not in unfit[: -_MOST_SHOWN - 1 : -1]:
            yield Disregarded(message.created_at, f"Message {message.seq}", why_not)

    def judge(self, step: Step, evidence: Sequence[Evidence]) -> Judgement:
        """The first of each of the first days, then whatever came first."""
        needed, days = self.needed(step.config), step.config["days"]
        by_day: dict[date, list[int]] = defaultdict(list)
        for row in evidence:
            by_day[date.fromisoformat(row.payload["day"])].append(row.pk)
        firsts = [pks[0] for _, pks in sorted(by_day.items())][:days]
        others = [row.pk for row in evidence if row.pk not in firsts]
        is_met = len(firsts) == days and len(evidence) >= needed
        is_days_alone = len(evidence) >= needed and not is_met
        detail = f"On {len(firsts)} of {days} different days." if is_days_alone else ""
        used = firsts + others[: needed - len(firsts)] if is_met else []
        return Judgement(is_met, min(len(evidence), needed), needed, used, detail)

    def spoiled(self, evidence: Sequence[Evidence]) -> Mapping[int, str]:
        """A message that retention has taken was not taken back by anybody."""
        known = Message.objects.in_bulk([row.source_id for row in evidence], field_name="public_id")
        found = {str(public_id): message for public_id, message in known.items()}
        return {
            row.pk: reason
            for row in evidence
            if (message := found.get(row.source_id)) and (reason := _spoiled(row, message))
        }

    def spoiled_in(self, span: Span) -> Sequence[Any]:
        changed = Message.objects.filter(
            Q(deleted_at__gt=span.since, deleted_at__lte=span.until)
            | Q(edited_at__gt=span.since, edited_at__lte=span.until)
        )
        return [str(public_id) for public_id in changed.values_list("public_id", flat=True)]


def fold(body: str) -> str:
    """What is left when nobody looks at case, spaces and signs."""
    return _NO_LETTER.sub("", body).casefold()


def _read(place: Place) -> Iterable[tuple[Message, str]]:
    """Her messages since she is at the quest, the oldest first, each with why it does not count. Of
    a day those after the first `_MOST_OF_DAY` are not looked at."""
    if place.since is None:
        return
    config, said = place.step.config, set[str]()
    messages = Message.objects.filter(
        room__slug=config["room"], sender=place.player, created_at__gte=place.since
    )
    zone = ZoneInfo(place.quest.period_zone)
    nth = Window(
        RowNumber(), partition_by=TruncDate("created_at", tzinfo=zone), order_by=F("seq").asc()
    )
    messages = messages.annotate(nth=nth).filter(nth__lte=_MOST_OF_DAY)
    for message in messages.order_by("seq"):
        folded = fold(message.body)
        if message.deleted_at:
            yield message, "It was deleted."
        elif len(folded) < config["minLength"]:
            yield message, f"It has fewer than {config['minLength']} letters."
        elif folded in said:
            yield message, "The same was said before."
        else:
            said.add(folded)
            yield message, ""


def _payload(place: Place, message: Message) -> dict[str, Any]:
    day = message.created_at.astimezone(ZoneInfo(place.quest.period_zone)).date()
    return {
        "room": place.step.config["room"],
        "message": message.seq,
        "day": day.isoformat(),
        # What it said, as far as that is needed to see that it was changed.
        "letters": len(fold(message.body)),
    }


def _spoiled(row: Evidence, message: Message) -> str:
    if message.deleted_at:
        return f"Message {message.seq} was deleted."
    if message.edited_at and 2 * len(fold(message.body)) < row.payload["letters"]:
        return f"Message {message.seq} was emptied by an edit."
    return ""
