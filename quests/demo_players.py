"""The demo's players, and being one of them to try things out."""

import hashlib

from django.conf import settings
from django.db.models import Count, F, QuerySet

from accounts.models import User, Wallet
from monitoring.wire.problem import Problem

# So that nobody takes them, or is taken, for somebody real.
SUFFIX = "-demo"
NAMES = [
    *("maya", "joao", "priya", "tomas", "aiko", "lena", "omar", "zoe", "ivan", "nia"),
    *("kofi", "elif", "sofia", "mateo", "ingrid", "hassan", "mei", "lukas", "amara", "diego"),
    *("freya", "ravi", "chloe", "yusuf", "hana", "piotr", "camila", "anders", "leila", "marco"),
    *("thandi", "noor", "sven", "julia", "pedro", "akira", "fatima", "oskar", "ines", "wei"),
]


def address_of(name: str) -> str:
    """Of a wallet whose key nobody has."""
    return "0x" + hashlib.sha256(name.encode()).hexdigest()[:40]


def may_sign_in() -> bool:
    """Whether visitors may be one of them: the demo is loaded, and the settings allow it."""
    return settings.DEMO_SIGN_IN and _guests().exists()


def guest() -> User:
    """Who nobody has been for longest, and has most left to do. Problem (404) `no_demo`."""
    waiting = _guests().annotate(done=Count("completions"))
    found = waiting.order_by(F("last_login").asc(nulls_first=True), "done", "pk").first()
    if not settings.DEMO_SIGN_IN or found is None:
        raise Problem("no_demo", "There is no demo to try here.", status=404)
    return found


def _guests() -> "QuerySet[User]":
    """By their wallets, which nobody else can have: a name could be somebody's by now."""
    hers = Wallet.objects.filter(address__in=[address_of(name) for name in NAMES])
    players = User.objects.filter(pk__in=hers.values("user"), is_active=True)
    return players.filter(is_staff=False, is_superuser=False)
