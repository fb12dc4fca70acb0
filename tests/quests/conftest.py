"""What tests of quests share: writing quests, and many players at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Lock
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
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


@contextmanager
def together(callers: int) -> Iterator[Callable[[Callable[[int], Any]], list[Any]]]:
    """`run(work)` calls `work(0)` … `work(callers - 1)` at the same moment, each in a thread and on
    a connection of its own; gives what each returned, or raised."""
    start, one_by_one = Barrier(callers), Lock()

    def call(work: Callable[[int], Any], number: int) -> Any:
        try:
            # Before the moment: so many at once may take longer than a connection is waited for.
            with one_by_one:
                connection.ensure_connection()
            start.wait(timeout=60)
            return work(number)
        except Exception as error:  # noqa: BLE001 - an outcome like others
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(callers) as pool:
        yield lambda work: list(pool.map(lambda number: call(work, number), range(callers)))


def assert_reconciled() -> None:
    report = reconcile()
    assert report.is_clean, report.differences
