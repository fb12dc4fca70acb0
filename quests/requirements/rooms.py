"""The room that a step is about."""

from quests.requirements.base import Config
from realtime.models import Room


def clean_room(config: Config) -> str:
    """Its slug. ValueError when there is no such room, or none that people meet in."""
    slug = config.get("room")
    if not isinstance(slug, str):
        raise ValueError("“room” is the slug of a room.")  # noqa: TRY004 - the caller's mistake
    rooms = Room.objects.filter(slug=slug, closed_at=None).exclude(kind=Room.Kind.DIRECT)
    if not rooms.exists():
        raise ValueError(f"There is no room “{slug}”.")
    return slug
