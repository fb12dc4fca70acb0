"""What Redis keeps of a database that was replaced is forgotten, and nothing else is."""

import pytest
from django.core.cache import cache
from django.core.management import CommandError
from pytest_django import Settings

from links.redirect.click import STREAM
from monitoring.backups.derived import forget_kept
from monitoring.cache import cacheable
from monitoring.proofs import keep_proof, last_proofs
from monitoring.redis import durable, evictable
from monitoring.responses.tags import generation
from tests.monitoring.backups.conftest import Say, made

asked: list[int] = []


@cacheable(ttl=60, tags=["people"])
def kept_people() -> int:
    asked.append(1)
    return len(asked)


def test_kept_answers_values_and_proofs_are_of_the_old_database() -> None:
    before, first = generation("people"), kept_people()
    cache.set("page", "old")
    keep_proof("clicks", [])
    assert kept_people() == first

    said = forget_kept()

    assert "kept answers and values were forgotten" in said
    assert generation("people") != before
    assert kept_people() == first + 1
    assert cache.get("page") is None
    assert last_proofs() == {}


def test_what_is_not_of_the_database_stays(settings: Settings) -> None:
    """Also where one Redis is for both: clicks wait in it."""
    settings.CACHE_URL = settings.REDIS_URL
    evictable().set("rallypoint:rl:somebody", 7)
    evictable().set("somebody-elses", 7)
    for number in range(1200):
        evictable().set(f"rallypoint:cache:{number}", 1)
    durable().xadd(STREAM, {"b": b"-"})

    forget_kept()

    assert sorted(durable().keys()) == sorted(
        [b"rallypoint:rl:somebody", b"somebody-elses", STREAM.encode()]
    )


def test_a_restore_of_our_own_database_does_it_and_refresh_does_it_alone(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = made().name
    evictable().set("rallypoint:tag:people", "1")
    # The tests' own connections stand in for nobody.
    said = say("restore", name, "--replace", "--yes", "--disconnect")
    assert "kept answers and values were forgotten" in said
    assert "targets of links were forgotten" in said
    assert evictable().exists("rallypoint:tag:people") == 0
    evictable().set("rallypoint:tag:people", "1")
    assert "1 kept answers" in say("restore", "--refresh")


def test_a_redis_that_is_away_is_said_with_what_is_left_to_do(say: Say, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    with pytest.raises(CommandError, match=r"manage\.py restore --refresh"):
        say("restore", "--refresh")
