"""What a person has achieved. The app that counts it stands above this one, so the settings name
its function (ACCOUNTS_FIGURES) and nothing here imports it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string


@dataclass(frozen=True, slots=True)
class Figures:
    total_xp: int = 0
    completed_quests: int = 0
    achievements: int = 0


Provider = Callable[[Iterable[int]], Mapping[int, Figures]]


def figures_of(user_ids: Iterable[int]) -> dict[int, Figures]:
    """By user id, for each of them: whom the provider does not know has done nothing yet."""
    ids = list(user_ids)
    provider = cast("Provider", import_string(settings.ACCOUNTS_FIGURES))
    found = provider(ids)
    return {user_id: found.get(user_id, Figures()) for user_id in ids}


def zeros(user_ids: Iterable[int]) -> dict[int, Figures]:
    """The provider of an installation that counts nothing."""
    return dict.fromkeys(user_ids, Figures())
