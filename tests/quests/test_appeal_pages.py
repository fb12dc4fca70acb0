"""Asking for a second look without a script."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from quests.completions.completing import complete_quest
from quests.completions.correcting import hold_completion
from quests.models import Appeal, Completion
from tests.quests.conftest import MakeQuest

pytestmark = pytest.mark.django_db


@pytest.fixture
def held(alice: User, operator: User, make_quest: MakeQuest) -> Completion:
    done = complete_quest(player=alice, number=make_quest().number)
    completion = Completion.objects.get(pk=done.completion_id)
    hold_completion(completion=completion, reason="A bot?", actor=operator)
    return completion


@pytest.fixture
def page(held: Completion) -> str:
    return f"/completions/{held.public_id}/appeal"


def test_an_appeal_is_sent_once(client: Client, alice: User, page: str) -> None:
    client.force_login(alice)
    assert "Why should it be paid?" in client.get(page).content.decode()
    assert client.post(page, {"text": "I was there."})["Location"] == page
    assert "You wrote: I was there." in client.get(page).content.decode()
    again = client.post(page, {"text": "Really."})
    assert again.status_code == 409
    assert Appeal.objects.get().text == "I was there."


@pytest.mark.parametrize("text", ["", "  ", "x" * 2_001])
def test_a_refused_text_comes_back_with_the_reason(
    client: Client, alice: User, page: str, text: str
) -> None:
    client.force_login(alice)
    answer = client.post(page, {"text": text})
    assert answer.status_code == 400
    assert 'aria-invalid="true"' in answer.content.decode()
    assert not Appeal.objects.exists()


def test_somebody_elses_is_not_there(client: Client, bob: User, page: str) -> None:
    assert client.get(page).status_code == 302
    client.force_login(bob)
    assert client.get(page).status_code == 404
    assert client.post(page, {"text": "Mine!"}).status_code == 404


def test_the_page_is_limited_as_the_api_is(
    client: Client, alice: User, page: str, settings: Any
) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"strict": "1/m"}
    client.force_login(alice)
    assert client.post(page, {"text": ""}).status_code == 400
    assert client.post(page, {"text": "I was there."}).status_code == 429
