"""What the views of quests share."""

from typing import Any

from rest_framework.exceptions import NotFound

from accounts.addresses import parse_wallet
from accounts.models import User
from accounts.selectors import find_wallet
from monitoring.wire.filters import Parameter
from quests.models import OVERALL, Season


class WalletParameter(Parameter):
    """A wallet in the query; Problem `wallet_invalid` or `wallet_checksum` for what is none."""

    schema = {"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$"}

    def parse(self, raw: str) -> str:
        return parse_wallet(raw)


def player_of(wallet: str) -> User | None:
    """Whose wallet it is; None for one that nobody has shown."""
    found = find_wallet(parse_wallet(wallet))
    return found.user if found else None


def board_of(season: str | None) -> int:
    """A season's board by its slug, the overall one without. NotFound for an unknown slug."""
    if season is None:
        return OVERALL
    found: Any = Season.objects.filter(slug=season).values_list("pk", flat=True).first()
    if found is None:
        raise NotFound
    return int(found)
