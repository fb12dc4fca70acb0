"""Being in a room, by the connections that the house itself held open.

Overlapping connections count once, and only the time in which there was one: two tabs are no
faster, and coming back every second adds nothing. Each full minute is a piece of evidence, named by
its day and its number on it, so that stays which are forgotten some day change no names.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.utils import timezone

from monitoring.wire.fields import instant
from quests.definitions import Step
from quests.models import Evidence
from quests.requirements import challenges
from quests.requirements.base import (
    Config,
    Disregarded,
    Fact,
    Judgement,
    Place,
    only,
    text_of,
    whole_number,
)
from quests.requirements.observed import Observed, OpenAttempt, Span
from quests.requirements.rooms import clean_room
from quests.requirements.tries import clean_tries
from realtime.facts import presence_observed
from realtime.models import Room
from realtime.presence.selectors import merged_stays

MINUTE = timedelta(minutes=1)
_LONGEST_MINUTES = 24 * 60
_LONGEST_WITHIN = timedelta(days=7)
# Nothing older can lie close enough to what happens now, or is looked for by a sweep.
_LOOKED_AT = _LONGEST_WITHIN + timedelta(days=1)
# Stays are written every few seconds: whoever was seen so recently is there.
_STILL_THERE = timedelta(seconds=20)
_MOST_SHOWN = 100

# Those whose time there holds more full minutes than there is evidence of, or who are to be asked
# whether they are there; not those who were asked, did not answer and are not to be asked again
# yet. One query, however many people are in the room.
_CONCERNED = """
WITH here AS MATERIALIZED (SELECT DISTINCT user_id, room_id FROM realtime_stay WHERE {which})
SELECT DISTINCT attempt.player_id, quest.number, attempt.period
FROM here
JOIN realtime_room room ON room.id = here.room_id
JOIN quests_attempt attempt ON attempt.player_id = here.user_id
JOIN quests_quest quest ON quest.id = attempt.quest_id AND quest.status = 'published'
    AND (quest.ends_at IS NULL OR quest.ends_at > now())
    AND (quest.recurrence = 'once' OR attempt.started_at > now() - interval '8 days')
JOIN quests_requirement step ON step.quest_id = quest.id AND step.kind = %(kind)s
    AND step.config ->> 'room' = room.slug
CROSS JOIN LATERAL (
    SELECT coalesce(sum(extract(epoch FROM upper(part) - lower(part))), 0) AS seconds
    FROM (
        SELECT unnest(range_agg(
            tstzrange(greatest(stay.began_at, attempt.started_at, %(horizon)s), stay.seen_at)))
        FROM realtime_stay stay
        WHERE stay.user_id = here.user_id AND stay.room_id = here.room_id
            AND stay.seen_at > greatest(attempt.started_at, %(horizon)s)
    ) merged (part)
) present
CROSS JOIN LATERAL (
    SELECT make_interval(mins => (step.config ->> 'challengeMinutes')::int) AS pause
) challenge
LEFT JOIN LATERAL (
    SELECT asked.asked_at > now() - challenge.pause AS is_recent,
        asked.answered_at IS NOT NULL AS is_answered, asked.expires_at > now() AS is_open
    FROM quests_challenge asked WHERE asked.attempt_id = attempt.id AND asked.step = step.key
    ORDER BY asked.asked_at DESC LIMIT 1
) last ON true
WHERE NOT EXISTS (
    SELECT FROM quests_completion done WHERE done.player_id = attempt.player_id
        AND done.quest_id = attempt.quest_id AND done.period = attempt.period
) AND (
    challenge.pause > '0'
        AND (last.is_recent IS NOT TRUE OR last.is_open AND NOT last.is_answered)
    OR (challenge.pause = '0' OR last.is_answered) AND floor(present.seconds / 60) > (
        SELECT count(*) FROM quests_evidence known WHERE known.player_id = attempt.player_id
            AND known.quest_id = quest.id AND known.period = attempt.period
            AND known.step = step.key AND known.kind = step.kind
            AND (known.payload ->> 'from')::timestamptz >= %(horizon)s
    )
)
ORDER BY 2, 1
"""


class RoomPresence(Observed):
    """`{"room": "lobby", "minutes": 30, "withinMinutes": 60, "challengeMinutes": 10}`: so many
    minutes in the room within so many.

    With `challengeMinutes` a word is shown to the player alone, at first and then that often; from
    one that she does not type in time until the next one that she does, time does not count.
    """

    name = "room_presence"
    title = "Be in a room"
    announced = presence_observed
    is_guessable = True

    def clean(self, config: Config) -> dict[str, Any]:
        only(
            config, "room", "minutes", "withinMinutes", "challengeMinutes", "tries", "pauseSeconds"
        )
        minutes = whole_number(config, "minutes", None, at_least=1, at_most=_LONGEST_MINUTES)
        longest = _LONGEST_WITHIN // MINUTE
        within = whole_number(
            config, "withinMinutes", max(minutes, 24 * 60), at_least=minutes, at_most=longest
        )
        every = whole_number(config, "challengeMinutes", 0, at_least=0, at_most=_LONGEST_MINUTES)
        return {
            "room": clean_room(config),
            "minutes": minutes,
            "withinMinutes": within,
            "challengeMinutes": every,
            **clean_tries(config),
        }

    def public(self, config: Config) -> dict[str, Any]:
        shown = ("room", "minutes", "withinMinutes", "challengeMinutes")
        return {name: config[name] for name in shown}

    def needed(self, config: Config) -> int:
        return int(config["minutes"])

    def concerned(self, ids: Sequence[Any]) -> list[OpenAttempt]:
        return self._concerned("id = ANY(%(ids)s::bigint[])", ids=list(ids))

    def missed(self, span: Span) -> list[OpenAttempt]:
        return self._concerned(
            "written_at > %(since)s AND written_at <= %(until)s", **span._asdict()
        )

    def _concerned(self, which: str, **values: Any) -> list[OpenAttempt]:
        values |= {"kind": self.name, "horizon": _horizon(timezone.now())}
        with connection.cursor() as cursor:
            # rule: sql - one of the two conditions above
            cursor.execute(_CONCERNED.format(which=which), values)
            return [OpenAttempt(*row) for row in cursor.fetchall()]

    def find(self, place: Place) -> Iterable[Fact]:
        is_vouched = challenges.vouching(place)
        for minute in _minutes(place):
            if is_vouched(minute.full):
                payload = {
                    "room": place.step.config["room"],
                    "minute": minute.number,
                    "from": instant(minute.began),
                }
                name = f"{minute.day} {minute.number} {place.period}".strip()
                yield Fact(name, minute.full, payload)

    def describe(self, evidence: Evidence) -> str:
        if "challenge" in evidence.payload:
            return "The word that was asked for"
        return f"A minute in {evidence.payload['room']}"

    def disregarded(self, place: Place) -> Iterable[Disregarded]:
        is_vouched = challenges.vouching(place)
        silent = [minute for minute in _minutes(place) if not is_vouched(minute.full)]
        for minute in silent[: -_MOST_SHOWN - 1 : -1]:
            reason = "You were asked, and did not answer."
            yield Disregarded(minute.began, "A minute in the room.", reason)

    def began(self, evidence: Evidence) -> datetime:
        """An answer to a challenge has no length."""
        began = evidence.payload.get("from")
        return datetime.fromisoformat(began) if began else evidence.occurred_at

    def judge(self, step: Step, evidence: Sequence[Evidence]) -> Judgement:
        """The first minutes that lie close enough; else the most of them that do."""
        minutes = [row for row in evidence if "minute" in row.payload]
        needed, within = self.needed(step.config), timedelta(minutes=step.config["withinMinutes"])
        began = [self.began(row) for row in minutes]
        best: Sequence[Evidence] = ()
        start = 0
        for end, row in enumerate(minutes):
            while began[start] < row.occurred_at - within:
                start += 1
            close = minutes[max(start, end + 1 - needed) : end + 1]
            best = max(best, close, key=len)
            if len(best) == needed:
                break
        is_met = len(best) == needed
        answered = [row.pk for row in evidence if "challenge" in row.payload]
        used = [row.pk for row in best] + answered if is_met else []
        return Judgement(is_met, len(best), needed, used)

    def submit(self, place: Place, answer: Any) -> Fact | None:
        """The word of the challenge. Problem (409) `no_challenge`."""
        answered = challenges.answer(place, text_of(answer, longest=50))
        if answered is None:
            return None
        payload = {"challenge": instant(answered.asked_at)}
        return Fact(f"challenge {answered.pk}", place.now, payload)

    def prompt(self, place: Place) -> None:
        if place.step.config["challengeMinutes"] and _is_there(place):
            challenges.ask_if_due(
                place, every=timedelta(minutes=place.step.config["challengeMinutes"])
            )


class _Minute(NamedTuple):
    """The `number`th that was full on a day of UTC."""

    day: date
    number: int
    began: datetime
    full: datetime


def _minutes(place: Place) -> Iterator[_Minute]:
    """One that was interrupted began when she came back."""
    missing, day, number = MINUTE, date.min, 0
    for start, end in _stays(place):
        at = start
        while end - at >= missing:
            full = at + missing
            today = full.astimezone(UTC).date()
            day, number = today, number + 1 if today == day else 1
            yield _Minute(day, number, at, full)
            at, missing = full, MINUTE
        missing -= end - at


def _is_there(place: Place) -> bool:
    stays = _stays(place)
    return bool(stays) and stays[-1][1] > place.now - _STILL_THERE


def _stays(place: Place) -> Sequence[tuple[datetime, datetime]]:
    room = Room.objects.filter(slug=place.step.config["room"]).first()
    if room is None or place.since is None:
        return ()
    since = max(place.since, _horizon(place.now))
    return merged_stays(user_id=place.player.pk, room_id=room.pk, since=since, until=place.now)


def _horizon(now: datetime) -> datetime:
    """A midnight, so that the minutes of a day have their numbers as long as it is looked at."""
    return datetime.combine((now - _LOOKED_AT).astimezone(UTC).date(), time.min, UTC)
