"""What visitors see of a raffle: open, closed, drawn, and the file with which they check it."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from quests.completions.completing import complete_quest
from quests.completions.correcting import hold_completion, release_completion
from quests.models import Completion, Quest, Raffle
from quests.raffles.document import document_of
from quests.raffles.services import create_raffle, draw_raffle
from quests.raffles.verifying import is_right, verify_raffle
from quests.tasks import close_raffles
from tests.quests.conftest import MakeQuest

pytestmark = pytest.mark.django_db

PAGE = "/raffles/spring"


@pytest.fixture
def quest(make_quest: MakeQuest) -> Quest:
    return make_quest()


@pytest.fixture
def raffle(quest: Quest, operator: User) -> Raffle:
    closes_at = timezone.now() + timedelta(hours=1)
    return create_raffle(
        slug="spring", title="Spring", winners=1, closes_at=closes_at, quest=quest, actor=operator
    )


@pytest.fixture
def entered(quest: Quest, raffle: Raffle, alice: User, bob: User) -> list[Completion]:
    del raffle
    ids = [complete_quest(player=one, number=quest.number).completion_id for one in (alice, bob)]
    return [Completion.objects.get(pk=id_) for id_ in ids]


def close(raffle: Raffle) -> Raffle:
    """As if its end had been two minutes ago."""
    at = timezone.now() - timedelta(minutes=2)
    Raffle.objects.filter(pk=raffle.pk).update(closes_at=at)
    Completion.objects.update(completed_at=at - timedelta(minutes=1))
    raffle.refresh_from_db()
    return raffle


def shown(client: Client, page: str = PAGE) -> str:
    answer = client.get(page)
    assert answer.status_code == 200
    return answer.content.decode()


# --- The list of entrants is closed with the raffle -------------------------------------------


def test_what_is_held_between_close_and_draw_changes_no_list(
    raffle: Raffle, entered: list[Completion], operator: User
) -> None:
    close(raffle)
    assert close_raffles() == 1
    raffle.refresh_from_db()
    digest = raffle.entrants_digest
    hold_completion(completion=entered[0], reason="A bot?", actor=operator)

    drawn = draw_raffle(raffle=raffle, actor=operator)

    assert document_of(drawn)["entrants"] == sorted(str(one.public_id) for one in entered)
    assert drawn.entrants_digest == digest
    assert is_right(verify_raffle(drawn))


def test_what_is_paid_between_close_and_draw_does_not_enter(
    raffle: Raffle, entered: list[Completion], operator: User
) -> None:
    hold_completion(completion=entered[0], reason="A bot?", actor=operator)
    close(raffle)
    close_raffles()
    release_completion(completion=entered[0], reason="She was there.", actor=operator)
    drawn = draw_raffle(raffle=raffle, actor=operator)
    assert document_of(drawn)["entrants"] == [str(entered[1].public_id)]


def test_a_list_is_closed_once_and_not_before_its_time(raffle: Raffle) -> None:
    assert close_raffles() == 0
    close(raffle)
    assert (close_raffles(), close_raffles()) == (1, 0)


def test_the_closed_list_is_public_before_the_draw(
    raffle: Raffle, entered: list[Completion], api: Callable[..., Any]
) -> None:
    close(raffle)
    close_raffles()
    found = api().get("/api/public/raffles/spring").json()
    raffle.refresh_from_db()
    assert found["entrantsDigest"] == raffle.entrants_digest
    assert (found["graceSeconds"], found["seed"], found["drawnAt"]) == (60, None, None)
    assert found["frozenAt"]
    rows = api().get("/api/public/raffles/spring/entrants").json()["results"]
    assert {row["completionId"] for row in rows} == {str(one.public_id) for one in entered}


# --- Pages ------------------------------------------------------------------------------------


def test_the_list_costs_a_fixed_number_of_queries(
    raffle: Raffle, client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        assert raffle.title in shown(client, "/raffles")


def test_an_open_one_shows_its_commitment_and_not_its_seed(
    raffle: Raffle, entered: list[Completion], client: Client
) -> None:
    page = shown(client)
    assert raffle.commitment in page
    assert f"{len(entered)} entrants" in page
    assert bytes(raffle.seed).hex() not in page
    assert client.get(f"{PAGE}/draw.json").status_code == 404
    assert client.get("/raffles/none").status_code == 404


@pytest.mark.usefixtures("entered")
def test_a_closed_one_shows_the_digest_of_its_list(raffle: Raffle, client: Client) -> None:
    close(raffle)
    assert "Closed, not drawn yet" in shown(client)
    close_raffles()
    raffle.refresh_from_db()
    assert raffle.entrants_digest in shown(client)
    assert bytes(raffle.seed).hex() not in shown(client)


@pytest.mark.usefixtures("entered")
def test_the_file_that_is_downloaded_is_the_one_that_is_verified(
    raffle: Raffle, client: Client, operator: User, tmp_path: Path
) -> None:
    drawn = draw_raffle(raffle=close(raffle), actor=operator)
    assert drawn.drawn.get().completion.player.username in shown(client)
    answer = client.get(f"{PAGE}/draw.json")
    assert answer["Content-Disposition"] == 'attachment; filename="raffle-spring.json"'
    file, said = tmp_path / "raffle-spring.json", StringIO()
    file.write_bytes(answer.content)
    options = ["--file", str(file), "--commitment", raffle.commitment]
    call_command("raffle", "verify", *options, stdout=said)
    assert "All as promised." in said.getvalue()


def test_raffles_are_found_from_every_page(client: Client) -> None:
    assert 'href="/raffles"' in shown(client, "/leaderboard")
