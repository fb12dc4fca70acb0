"""What tests of quests share: writing quests, and many players at once."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from quests.authoring.services import create_quest
from quests.models import Quest
from quests.reconciliation import reconcile

MakeQuest = Callable[..., Quest]
Allow = Callable[..., Client]
QUIZ = {
    "id": "quiz",
    "kind": "quiz",
    "title": "What do you know?",
    "config": {
        "questions": [
            {"text": "Two and two?", "options": ["three", "four"], "right": [1]},
            {"text": "Which are even?", "options": ["2", "3", "4"], "right": [0, 2]},
        ],
        "tries": 2,
        "pauseSeconds": 60,
    },
}
QUIZ_RIGHT = {"0": [1], "1": [2, 0]}
CODE = {
    "id": "code",
    "kind": "secret_code",
    "title": "The word of the talk",
    "config": {"codes": ["Open Sesame"]},
}
PROOF = {"id": "proof", "kind": "proof", "title": "Show us", "config": {}}
TRUSTED = {"id": "visit", "kind": "evidence", "title": "Be there", "config": {}}


@pytest.fixture
def make_quest(operator: User) -> MakeQuest:
    """A published quest of 10 XP; keywords are members of its document."""

    def make(*steps: dict[str, Any], **fields: Any) -> Quest:
        document = {
            "title": "Say hello",
            "xpReward": 10,
            "status": "published",
            "steps": list(steps),
            **fields,
        }
        return create_quest(document=document, actor=operator)

    return make


@pytest.fixture
def pages(client: Client, db: None) -> Client:
    """The admin, as somebody who may do everything there."""
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def allowed(client: Client, operator: User) -> Allow:
    """The admin, as the operator with just these permissions."""

    def sign_in(*codenames: str) -> Client:
        operator.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(operator)
        return client

    return sign_in


def assert_reconciled() -> None:
    report = reconcile()
    assert report.is_clean, report.differences
