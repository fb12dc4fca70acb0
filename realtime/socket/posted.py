"""Events that the house sends by `realtime.doors` beside the socket's own, for the AsyncAPI
document. Nothing here looks at them: they pass as they are, and others may be sent."""

from typing import Any

import msgspec

from realtime.socket.said import Slug, Time


class _Data(msgspec.Struct, rename="camel"):
    pass


class _Frame(msgspec.Struct, tag_field="event"):
    pass


class CompletedData(_Data):
    """`xp_earned` is 0 while it is `held` for a review."""

    quest_number: int
    title: str
    xp_earned: int
    held: bool
    total_xp: int = msgspec.field(name="totalXP")
    level: int


class ProgressData(_Data):
    quest_number: int
    title: str
    step_id: str
    step_title: str
    seen: int
    needed: int


class DropData(_Data):
    """`room` is where it is told, where it is told in one."""

    quest_number: int
    title: str
    left: int
    total: int
    room: Slug | None = None


class ChallengeData(_Data):
    """`word` is to be sent in as the answer to the step `step_id`, until `expires_at`."""

    quest_number: int
    title: str
    step_id: str
    step_title: str
    word: str
    expires_at: Time


class LevelData(_Data):
    level: int


class Completed(_Frame, tag="quest:completed"):
    """She has completed a quest."""

    data: CompletedData


class Progress(_Frame, tag="quest:progress"):
    """Something that she did was seen; the step asks for more of it."""

    data: ProgressData


class Drop(_Frame, tag="quest:drop"):
    """A quest with a number of places has fewer left."""

    data: DropData


class Challenge(_Frame, tag="quest:challenge"):
    """Whoever is there is asked for a word."""

    data: ChallengeData


class Level(_Frame, tag="level:up"):
    """Her XP have brought her to a higher level."""

    data: LevelData


class Leaderboard(_Frame, tag="leaderboard:changed"):
    """Ranks are others now; what `data` has depends on whom it is sent to."""

    data: dict[str, Any]


PostedFrame = Completed | Progress | Drop | Challenge | Level | Leaderboard
