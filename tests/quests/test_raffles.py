"""Raffles: promised before anybody entered, drawn once, and redone by whoever likes."""

import json
import logging
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from monitoring.wire.problems import Problem
from quests.completions.completing import complete_quest
from quests.completions.correcting import hold_completion
from quests.models import AuditEntry, Completion, OutboxEvent, Quest, Raffle, Season
from quests.raffles import drawing
from quests.raffles.document import checksum_of, document_of
from quests.raffles.services import create_raffle, draw_raffle
from quests.raffles.verifying import is_right, verify_document, verify_raffle
from tests.quests.conftest import Allow, MakeQuest
from tests.together import together

Api = Callable[..., APIClient]
RAFFLES = "/api/public/raffles"
# What 0.999 of fair draws stay under, by degrees of freedom.
CHI_SQUARE = {3: 16.27, 5: 20.52, 9: 27.88}

names = st.lists(st.text("abcdef0123456789-", min_size=1), unique=True, max_size=40)
seeds = st.binary(min_size=32, max_size=32)


# --- The draw ---------------------------------------------------------------------------------


@given(seeds, st.text(max_size=20), names, st.integers(1, 50), st.randoms(use_true_random=False))
def test_winners_are_different_entrants_whatever_order_they_came_in(
    seed: bytes, beacon: str, entrants: list[str], winners: int, chance: Any
) -> None:
    drawn = drawing.draw(seed, beacon, entrants, winners)
    assert len(drawn) == len(set(drawn)) == min(winners, len(entrants))
    assert set(drawn) <= set(entrants)
    chance.shuffle(entrants)
    assert drawing.draw(seed, beacon, entrants, winners) == drawn


@settings(max_examples=30)
@given(seeds, st.integers(0, 255))
def test_another_bit_of_the_seed_is_another_draw(seed: bytes, bit: int) -> None:
    other = (int.from_bytes(seed, "big") ^ (1 << bit)).to_bytes(32, "big")
    entrants = [str(number) for number in range(100)]
    # Of 100! / 50! orders: that two are the same by chance does not happen.
    assert drawing.draw(seed, "", entrants, 50) != drawing.draw(other, "", entrants, 50)
    assert drawing.draw(seed, "", entrants, 50) != drawing.draw(seed, "x", entrants, 50)
    assert drawing.commitment_of(seed) != drawing.commitment_of(other)


@pytest.mark.parametrize("entrants", [4, 6, 10])
@pytest.mark.parametrize("place", [0, 1])
def test_everybody_wins_each_place_equally_often(entrants: int, place: int) -> None:
    people, draws = [f"e{number}" for number in range(entrants)], 3_000
    won = Counter(
        drawing.draw(number.to_bytes(32, "big"), "", people, 2)[place] for number in range(draws)
    )
    expected = draws / entrants
    assert sum((won[one] - expected) ** 2 / expected for one in people) < CHI_SQUARE[entrants - 1]


def test_a_word_that_would_favour_low_numbers_is_thrown_away() -> None:
    words = iter([2**64 - 1, 2**64 - 2, 7])
    assert drawing._below(3, words) == (2**64 - 2) % 3
    assert drawing._below(2**63 + 1, iter([2**63 + 1, 5])) == 5


def test_the_known_draw_stays_as_it_is() -> None:
    """Whoever published a raffle must be able to verify it with every later version."""
    entrants = ["a", "b", "c", "d", "e"]
    assert drawing.digest_of(entrants) == (
        "86dc03602dcf385217216784784a8ecf20e6400decc3208170b12fcb0afb6698"
    )
    assert drawing.draw(bytes(32), "round 1", entrants, 3) == ["e", "c", "d"]


@pytest.mark.parametrize("entrants", [["a", "a"], ["a\nb"]])
def test_a_list_that_could_be_read_in_two_ways_is_refused(entrants: list[str]) -> None:
    with pytest.raises(ValueError, match="stands in the list once"):
        drawing.draw(bytes(32), "", entrants, 1)


# --- Raffles ----------------------------------------------------------------------------------


@pytest.fixture
def quest(make_quest: MakeQuest) -> Quest:
    return make_quest()


@pytest.fixture
def raffle(quest: Quest, operator: User) -> Raffle:
    return made(operator, quest=quest)


def made(operator: User, **terms: Any) -> Raffle:
    closes_at = timezone.now() + timedelta(hours=1)
    return create_raffle(
        **{"slug": "spring", "title": "Spring", "winners": 2, "closes_at": closes_at, **terms},
        actor=operator,
    )


def complete(*players: User, quest: Quest) -> list[Completion]:
    return [
        Completion.objects.get(pk=complete_quest(player=one, number=quest.number).completion_id)
        for one in players
    ]


def close(raffle: Raffle, **ago: float) -> Raffle:
    """As if its end had been then."""
    at = timezone.now() - timedelta(**(ago or {"minutes": 2}))
    Raffle.objects.filter(pk=raffle.pk).update(closes_at=at)
    Completion.objects.update(completed_at=at - timedelta(minutes=1))
    raffle.refresh_from_db()
    return raffle


def refused(code: str, work: Callable[..., Any], **arguments: Any) -> None:
    with pytest.raises(Problem) as problem, transaction.atomic():
        work(**arguments)
    assert problem.value.code == code


def run(*arguments: Any) -> str:
    said = StringIO()
    call_command("raffle", *map(str, arguments), stdout=said, stderr=StringIO())
    return said.getvalue()


@pytest.mark.django_db
def test_whoever_was_paid_in_time_enters_once_and_is_drawn_from(
    raffle: Raffle, quest: Quest, operator: User, alice: User, bob: User, charlie: User
) -> None:
    hers, his, late = complete(alice, bob, charlie, quest=quest)
    close(raffle)
    Completion.objects.filter(pk=late.pk).update(completed_at=raffle.closes_at)

    drawn = draw_raffle(raffle=raffle, actor=operator)

    ids = sorted([str(hers.public_id), str(his.public_id)])
    document = document_of(drawn)
    assert document["entrants"] == ids
    assert document["drawn"] == drawing.draw(bytes(raffle.seed), "", ids, 2)
    assert document["commitment"] == raffle.commitment
    event = OutboxEvent.objects.get(kind="raffle.drawn")
    assert event.payload["winners"] == document["drawn"]
    actions = AuditEntry.objects.filter(subject="raffle spring").values_list("action", flat=True)
    assert set(actions) == {"raffle.created", "raffle.drawn"}


@pytest.mark.django_db
def test_what_is_held_or_was_before_the_opening_does_not_enter(
    quest: Quest, operator: User, alice: User, bob: User, charlie: User
) -> None:
    raffle = made(operator, quest=quest, opens_at=timezone.now())
    early, held, fine = complete(alice, bob, charlie, quest=quest)
    hold_completion(completion=held, reason="A bot?", actor=operator)
    Raffle.objects.update(opens_at=timezone.now() - timedelta(hours=1))
    close(raffle)
    Completion.objects.filter(pk=early.pk).update(completed_at=timezone.now() - timedelta(days=1))
    assert document_of(draw_raffle(raffle=raffle, actor=operator))["drawn"] == [str(fine.public_id)]


@pytest.mark.django_db
def test_in_a_seasons_raffle_a_player_with_many_quests_has_one_entry(
    make_quest: MakeQuest, operator: User, alice: User, bob: User
) -> None:
    season = Season.objects.create(slug="s1", name="Season one")
    quests = [make_quest(season="s1"), make_quest(season="s1"), make_quest()]
    raffle = made(operator, season=season)
    for quest in quests[:2]:
        complete(alice, quest=quest)
    complete(bob, quest=quests[0])
    complete(User.objects.create_user("dora"), quest=quests[2])
    drawn = draw_raffle(raffle=close(raffle), actor=operator)
    assert {row.completion.player for row in drawn.drawn.all()} == {alice, bob}
    assert is_right(verify_raffle(drawn))


@pytest.mark.django_db
def test_it_is_drawn_after_the_close_and_its_grace_and_only_once(
    raffle: Raffle, operator: User
) -> None:
    refused("raffle_open", draw_raffle, raffle=raffle, actor=operator)
    refused("raffle_open", draw_raffle, raffle=close(raffle, seconds=30), actor=operator)
    drawn = draw_raffle(raffle=close(raffle), actor=operator)
    assert document_of(drawn)["drawn"] == []
    refused("raffle_drawn", draw_raffle, raffle=raffle, actor=operator)
    refused("beacon_unannounced", draw_raffle, actor=operator, beacon="mine",
            raffle=close(made(operator, slug="other", quest=raffle.quest)))  # fmt: skip


@pytest.mark.django_db
def test_an_announced_beacon_is_needed_and_goes_into_the_draw(
    quest: Quest, operator: User, alice: User
) -> None:
    raffle = close(made(operator, quest=quest, beacon_source="drand, round 4,000,000"))
    refused("beacon_needed", draw_raffle, raffle=raffle, actor=operator, beacon="  ")
    drawn = draw_raffle(raffle=raffle, actor=operator, beacon=" c0ffee ")
    assert document_of(drawn)["beacon"] == "c0ffee"
    assert is_right(verify_raffle(drawn))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"quest": None}, "quest_or_season"),
        ({"winners": 0}, "winners_invalid"),
        ({"winners": 1_001}, "winners_invalid"),
        ({"closes_at": timezone.now()}, "closes_at_passed"),
        ({"opens_at": timezone.now() + timedelta(days=1)}, "opens_at_invalid"),
    ],
)
def test_terms_that_make_no_sense_are_refused(
    quest: Quest, operator: User, terms: dict[str, Any], code: str
) -> None:
    refused(code, made, operator=operator, **{"quest": quest, **terms})


@pytest.mark.django_db
def test_the_database_refuses_a_raffle_of_nothing_and_a_slug_twice(
    raffle: Raffle, quest: Quest, operator: User
) -> None:
    refused("slug_taken", made, operator=operator, quest=quest)
    with pytest.raises(IntegrityError, match="raffle_of_one"), transaction.atomic():
        Raffle.objects.update(quest=None)


@pytest.mark.django_db(transaction=True)
def test_of_two_draws_at_once_one_counts(
    raffle: Raffle, quest: Quest, operator: User, alice: User, bob: User, charlie: User
) -> None:
    complete(alice, bob, charlie, quest=quest)
    close(raffle)
    with together(2) as at_once:
        outcomes = at_once(lambda _: draw_raffle(raffle=raffle, actor=operator))
    assert [getattr(one, "code", "") for one in outcomes].count("raffle_drawn") == 1, outcomes
    raffle.refresh_from_db()
    assert (raffle.entrants.count(), raffle.drawn.count()) == (3, 2)
    assert OutboxEvent.objects.filter(kind="raffle.drawn").count() == 1
    assert is_right(verify_raffle(raffle))


# --- Verifying --------------------------------------------------------------------------------


@pytest.fixture
def drawn(quest: Quest, operator: User, alice: User, bob: User, charlie: User) -> Raffle:
    raffle = made(operator, quest=quest, beacon_source="drand, round 4,000,000")
    complete(alice, bob, charlie, quest=quest)
    return draw_raffle(raffle=close(raffle), actor=operator, beacon="c0ffee")


@pytest.mark.django_db
def test_a_change_of_any_member_is_found(drawn: Raffle) -> None:
    document = document_of(drawn)
    assert is_right(verify_document(document, commitment=drawn.commitment))
    for name, value in document.items():
        changed: Any = value + 1 if isinstance(value, int) else None
        if isinstance(value, str):
            changed = value[:-1] + ("0" if value[-1] != "0" else "1")
        for other in [changed] if changed else [value[1:], value[::-1], [*value, "x"]]:
            assert not is_right(verify_document(document | {name: other})), name


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("seed", "commitment"),
        ("commitment", "published commitment"),
        ("winners", "winners"),
        ("drawn", "winners"),
        ("entrants", "entrants"),
        ("entrantsDigest", "entrants' digest"),
        ("algorithm", "algorithm"),
    ],
)
def test_a_change_under_a_new_checksum_is_found_by_what_was_promised(
    drawn: Raffle, name: str, check: str
) -> None:
    document = document_of(drawn)
    value = document[name]
    changed = value + 1 if isinstance(value, int) else value[::-1]
    document |= {name: changed}
    document["checksum"] = checksum_of(document)
    checks = verify_document(document, commitment=drawn.commitment)
    assert check in {one.name for one in checks if not one.is_right}
    assert "checksum" not in {one.name for one in checks if not one.is_right}


@pytest.mark.django_db
def test_a_file_made_up_as_a_whole_is_found_by_the_commitment_that_was_published(
    drawn: Raffle, operator: User, quest: Quest
) -> None:
    other = made(operator, slug="other", quest=quest)
    made_up = document_of(draw_raffle(raffle=close(other), actor=operator)) | {"raffle": "spring"}
    made_up = made_up | {"checksum": document_of(drawn)["checksum"]}
    assert not is_right(verify_document(made_up, commitment=drawn.commitment))


@pytest.mark.django_db
def test_a_file_is_verified_without_a_look_at_the_database(
    drawn: Raffle, tmp_path: Path, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    file = tmp_path / "spring.json"
    file.write_text(run("show", "spring", "--json"))
    with django_assert_num_queries(0):
        assert "All as promised." in run("verify", "--file", file)
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"drawn": content["drawn"][::-1]}))
    with pytest.raises(CommandError) as error:
        run("verify", "--file", file)
    assert error.value.returncode == 1
    for text, said in (("{}", "This is no raffle"), ("Spring", "is no JSON")):
        file.write_text(text)
        with pytest.raises(CommandError, match=said):
            run("verify", "--file", file)


@pytest.mark.django_db
def test_what_is_reversed_later_is_told_and_changes_no_draw(
    drawn: Raffle, operator: User, api: Api
) -> None:
    first = drawn.drawn.get(place=1).completion
    before = document_of(drawn)
    hold_completion(completion=first, reason="A bot?", actor=operator)
    assert document_of(drawn) == before
    assert "1 entrants, 1 of them winners" in run("verify", "spring")
    assert "held for review" in run("show", "spring")
    (winner, _) = api().get(f"{RAFFLES}/spring").json()["drawn"]
    assert (winner["completionId"], winner["status"]) == (str(first.public_id), "held")


@pytest.mark.django_db
def test_an_entrant_who_should_not_be_there_is_found(
    drawn: Raffle, make_quest: MakeQuest, operator: User
) -> None:
    Completion.objects.filter(pk=drawn.entrants.first().completion_id).update(
        quest=make_quest(), completed_at=timezone.now()
    )
    with pytest.raises(CommandError):
        run("verify", "spring")


# --- Doors ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_nobody_sees_the_seed_before_the_draw(
    raffle: Raffle, pages: Client, api: Api, operator: User, caplog: pytest.LogCaptureFixture
) -> None:
    seed = bytes(raffle.seed)
    shown = [
        pages.get("/admin/quests/raffle/").content.decode(),
        pages.get(f"/admin/quests/raffle/{raffle.pk}/change/").content.decode(),
        pages.get("/admin/quests/auditentry/").content.decode(),
        api().get(RAFFLES).content.decode(),
        api().get(f"{RAFFLES}/spring").content.decode(),
        api().get(f"{RAFFLES}/spring/entrants").content.decode(),
        run("show", "spring"),
        str(raffle), repr(raffle),
        str(list(AuditEntry.objects.values())), str(list(OutboxEvent.objects.values())),
    ]  # fmt: skip
    with pytest.raises(CommandError, match="not been drawn"):
        run("show", "spring", "--json")
    caplog.set_level(logging.DEBUG)
    draw_raffle(raffle=close(raffle), actor=operator)
    assert not any(seed.hex() in text or repr(seed)[2:-1] in text for text in [*shown, caplog.text])
    assert api().get(f"{RAFFLES}/spring").json()["seed"] == seed.hex()
    assert seed.hex() in pages.get(f"/admin/quests/raffle/{raffle.pk}/change/").content.decode()


@pytest.mark.django_db
def test_the_commitment_is_public_from_the_beginning_and_the_entrants_from_the_draw_on(
    raffle: Raffle,
    quest: Quest,
    operator: User,
    alice: User,
    bob: User,
    api: Api,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    complete(alice, bob, quest=quest)
    (listed,) = api().get(RAFFLES).json()["results"]
    assert listed["commitment"] == raffle.commitment
    assert [listed[name] for name in ("seed", "beacon", "entrantsDigest", "drawnAt")] == [None] * 4
    assert api().get(f"{RAFFLES}/spring/entrants").json()["results"] == []
    draw_raffle(raffle=close(raffle), actor=operator)
    with django_assert_num_queries(2):
        page = api().get(f"{RAFFLES}/spring/entrants?limit=1").json()
    rest = api().get(page["next"]).json()
    ids = [row["completionId"] for row in [*page["results"], *rest["results"]]]
    raffle.refresh_from_db()
    assert ids == document_of(raffle)["entrants"]
    with django_assert_num_queries(2):
        found = api().get(f"{RAFFLES}/spring").json()
    assert {row["username"] for row in found["drawn"]} == {"alice", "bob"}
    with django_assert_num_queries(1):
        api().get(RAFFLES)
    assert api().get(f"{RAFFLES}/none").status_code == 404


@pytest.mark.django_db
def test_operators_make_and_draw_them_and_edit_nothing(
    pages: Client, quest: Quest, alice: User
) -> None:
    terms = {
        "slug": "spring",
        "title": "Spring",
        "quest": quest.pk,
        "winners": 2,
        "beacon_source": "drand",
        "closes_at_0": "2031-05-01",
        "closes_at_1": "00:00:00",
    }
    answer = pages.post("/admin/quests/raffle/add/", terms | {"winners": 0})
    assert "There are 1 to 1,000 winners." in answer.content.decode()
    answer = pages.post("/admin/quests/raffle/add/", terms | {"quest": ""})
    assert "of exactly one" in answer.content.decode()
    assert pages.post("/admin/quests/raffle/add/", terms).status_code == 302
    raffle = Raffle.objects.get()
    page, draw = (f"/admin/quests/raffle/{raffle.pk}/{last}/" for last in ("change", "draw"))
    assert raffle.commitment in pages.get(page).content.decode()
    assert pages.post(page, terms).status_code == 403

    assert "drand" in pages.get(draw).content.decode()
    assert "It can be drawn from" in pages.post(draw, {"beacon": "c0ffee"}).content.decode()
    complete(alice, quest=quest)
    close(raffle)
    assert "Give the value" in pages.post(draw, {"beacon": ""}).content.decode()
    assert pages.post(draw, {"beacon": "c0ffee"})["Location"] == page
    assert "alice" in pages.get(page).content.decode()
    assert pages.get(draw).status_code == 403
    assert pages.get("/admin/quests/raffle/").status_code == 200


@pytest.mark.django_db
def test_who_may_only_look_draws_nothing(allowed: Allow, raffle: Raffle) -> None:
    client = allowed("view_raffle")
    assert client.get(f"/admin/quests/raffle/{raffle.pk}/change/").status_code == 200
    assert client.post(f"/admin/quests/raffle/{raffle.pk}/draw/", {"beacon": ""}).status_code == 403
    assert client.get("/admin/quests/raffle/add/").status_code == 403


@pytest.mark.django_db
def test_at_a_shell(quest: Quest, operator: User, alice: User) -> None:
    said = run("create", "spring", "--title", "Spring", "--quest", quest.number,
               "--closes", "2031-05-01T00:00Z")  # fmt: skip
    raffle = Raffle.objects.get()
    assert raffle.commitment in said
    complete(alice, quest=quest)
    with pytest.raises(CommandError, match="It can be drawn from"):
        run("draw", "spring")
    close(raffle)
    assert "drawn from 1 entrants" in run("draw", "spring")
    assert "All as promised." in run("verify", "spring", "--commitment", raffle.commitment)
    with pytest.raises(CommandError):
        run("verify", "spring", "--commitment", "00" * 32)
    with pytest.raises(CommandError, match="no time"):
        run("create", "x", "--title", "X", "--quest", quest.number, "--closes", "2031-05-01")
