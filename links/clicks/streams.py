"""The click streams that there are: those of the settings, and those that once were.

Each has a cursor row, which whoever drains it holds; so streams are drained side by side, and one
that no web process writes to any more is drained all the same.
"""

from django.conf import settings

from links.models import ClickStream
from links.redirect.click import stream_name


def names() -> list[str]:
    """Of all of them, in the order in which whoever needs several takes their locks."""
    known = ClickStream.objects.values_list("name", flat=True)
    return sorted({*_configured(), *known})


def take(name: str) -> ClickStream | None:
    """Its cursor, locked; None while another process is at it."""
    row = ClickStream.objects.filter(name=name)
    free = row.select_for_update(skip_locked=True)
    if found := free.first():
        return found
    if row.exists():
        return None
    _make([name])
    return free.first()


def take_all() -> list[str]:
    """All their cursors, waited for and locked; their names."""
    _make(_configured())
    return [row.name for row in ClickStream.objects.select_for_update().order_by("name")]


def _make(wanted: list[str]) -> None:
    ClickStream.objects.bulk_create(
        [ClickStream(name=name) for name in sorted(wanted)], ignore_conflicts=True
    )


def _configured() -> list[str]:
    return [stream_name(number) for number in range(settings.CLICK_STREAMS)]
