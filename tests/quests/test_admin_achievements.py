"""Achievements in the admin: rules, audited, and given to those who deserved them before."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from quests.completions.completing import complete_quest
from quests.models import Achievement, AuditEntry, EarnedAchievement
from quests.tasks import recompute_achievements
from tests.quests.conftest import MakeQuest

pytestmark = pytest.mark.django_db

RULE = {"name": "Ten", "slug": "ten", "metric": "xp", "threshold": 10, "category": "", "quests": ""}


@pytest.fixture
def desk(operator: User) -> Client:
    for action in ("view", "add", "change", "delete"):
        operator.user_permissions.add(Permission.objects.get(codename=f"{action}_achievement"))
    client = Client()
    client.force_login(operator)
    return client


def test_a_new_rule_is_audited_and_reaches_those_who_deserved_it_before(
    alice: User, desk: Client, make_quest: MakeQuest
) -> None:
    complete_quest(player=alice, number=make_quest().number)

    saved = desk.post("/admin/quests/achievement/add/", RULE)

    assert saved.status_code == 302
    assert AuditEntry.objects.filter(action="achievement.created").count() == 1
    assert recompute_achievements() == 1
    assert EarnedAchievement.objects.get().player == alice


def test_a_rule_that_contradicts_itself_is_shown_again(desk: Client) -> None:
    shown = desk.post("/admin/quests/achievement/add/", {**RULE, "metric": "category"})

    assert shown.status_code == 200
    assert "A category belongs to the metric of categories alone." in shown.content.decode()
    assert not Achievement.objects.exists()
