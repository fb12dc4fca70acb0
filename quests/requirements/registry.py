"""The kinds that this installation knows: one file and one line of settings each."""

from functools import lru_cache

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from quests.requirements.base import Kind


@lru_cache(maxsize=1)
def kinds() -> dict[str, Kind]:
    made: list[Kind] = [import_string(path)() for path in settings.REQUIREMENT_KINDS]
    return {kind.name: kind for kind in made}


def kind_of(name: str) -> Kind:
    """ValueError for a kind that this installation does not know."""
    try:
        return kinds()[name]
    except KeyError:
        raise ValueError(f"There is no kind “{name}”: {', '.join(kinds())}.") from None


def _forget(*, setting: str, **_: object) -> None:
    if setting == "REQUIREMENT_KINDS":
        kinds.cache_clear()


setting_changed.connect(_forget, dispatch_uid="quests.requirements.registry")
