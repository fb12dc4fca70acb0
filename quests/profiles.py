"""What a player says of herself: her name, her time zone, who brought her here."""

from django.db import transaction

from accounts import services as accounts
from accounts.models import User
from accounts.selectors import find_wallet
from monitoring.wire.problems import Problem
from quests import periods
from quests.models import Completion, Player


@transaction.atomic
def change_profile(
    *,
    player: User,
    expected_version: int,
    username: str | None = None,
    time_zone: str | None = None,
    referred_by: str | None = None,
) -> User:
    """Change what is given. Problems: `version_stale` (412), `username_taken`, `referral_fixed`
    (409), `time_zone_unknown`, `referrer_unknown` (400)."""
    name = player.username if username is None else username
    changed = accounts.rename(user=player, username=name, expected_version=expected_version)
    Player.objects.get_or_create(user=player)
    if time_zone is not None:
        _change_zone(player, time_zone)
    if referred_by is not None:
        _name_referrer(player, referred_by)
    return changed


def _change_zone(player: User, zone: str) -> None:
    """The days of a streak that are counted already keep their dates."""
    if not periods.is_zone(zone):
        raise _wrong("timeZone", "time_zone_unknown", "There is no such time zone.")
    Player.objects.filter(user=player).update(time_zone=zone)


def _name_referrer(player: User, wallet: str) -> None:
    """Once, and before she has completed anything: old players cannot be given away."""
    found = find_wallet(wallet)
    if found is None or found.user_id == player.pk:
        detail = "Nobody else here has this wallet."
        raise _wrong("referredBy", "referrer_unknown", detail)
    mine = Player.objects.select_for_update().get(user=player)
    if mine.referred_by_id == found.user_id:
        return
    mutual = Player.objects.filter(user=found.user_id, referred_by=player).exists()
    if mine.referred_by_id or mutual or Completion.objects.filter(player=player).exists():
        detail = "Who brought you here is said once, before your first quest."
        raise Problem("referral_fixed", detail, status=409)
    mine.referred_by = found.user
    mine.save(update_fields=["referred_by"])


def _wrong(field: str, code: str, detail: str) -> Problem:
    return Problem(code, detail, status=400, errors=[{"field": field, "message": detail}])
