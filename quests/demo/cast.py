"""The demo's players: forty people with names, wallets, and somebody who brought them here."""

import random
from collections.abc import Sequence
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User, Wallet
from links.demo import USERNAME
from quests.demo_players import NAMES, SUFFIX, address_of
from quests.models import Player

_ZONES = ("Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata", "Asia/Tokyo", "Africa/Lagos", "UTC")
# They came within this time; the first ones brought some of the others.
_WEEKS = timedelta(weeks=3)
_FOUNDERS = 8


def make_cast() -> list[User]:
    chance = random.Random("cast")  # noqa: S311 - a story, no secret
    ages = sorted((chance.random() for _ in NAMES), reverse=True)
    people = User.objects.bulk_create(
        User(
            username=name + SUFFIX,
            password="!",  # noqa: S106 - unusable: wallets have none
            date_joined=timezone.now() - _WEEKS * age,
        )
        for name, age in zip(NAMES, ages, strict=True)
    )
    Wallet.objects.bulk_create(
        Wallet(user=person, address=address_of(name), is_primary=True)
        for name, person in zip(NAMES, people, strict=True)
    )
    Player.objects.bulk_create(
        Player(
            user=person,
            time_zone=chance.choice(_ZONES),
            referred_by=_inviter(chance, people, number),
        )
        for number, person in enumerate(people)
    )
    return people


def everybody() -> "QuerySet[User]":
    """Its players, and its operator, who may have played."""
    return User.objects.filter(username__in=[USERNAME, *(name + SUFFIX for name in NAMES)])


def _inviter(chance: random.Random, people: Sequence[User], number: int) -> User | None:
    if number < _FOUNDERS or chance.random() < 0.5:
        return None
    return people[chance.randrange(_FOUNDERS)]
