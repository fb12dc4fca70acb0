"""The demo: believable, reconciled, and gone without a trace."""

import re

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from accounts.models import User
from links.clicks.reconciliation import reconcile
from links.models import Click, Link, MarkedClick, VisitOutcome
from quests import reconciliation as quests
from quests.completions.completing import complete_quest
from quests.demo import story
from quests.models import (
    OVERALL,
    Completion,
    EarnedAchievement,
    Evidence,
    LedgerEntry,
    Quest,
    Raffle,
    RankSegment,
    Requirement,
    SeasonRank,
    Standing,
)
from quests.progress import start_quest, submit_step
from quests.requirements.registry import kinds
from quests.webhooks.services import create_webhook
from realtime.models import Message, Room, Stay
from realtime.reconciliation import reconcile as reconcile_rooms
from tests.quests.conftest import MakeQuest

pytestmark = pytest.mark.django_db(transaction=True)


def rows() -> dict[str, int]:
    """Of every table of ours, but where the service notes how far it has come."""
    ours = {"accounts", "links", "quests", "realtime"}
    tables = {model._meta.db_table for model in apps.get_models() if model._meta.app_label in ours}
    tables -= {"links_clickstream", "quests_ranksegment", "quests_rankchange"}
    with connection.cursor() as cursor:
        query = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in tables)  # noqa: S608 - our own
        cursor.execute(query)
        return dict(cursor.fetchall())


def is_reconciled() -> bool:
    return reconcile().is_clean and quests.reconcile().is_clean and reconcile_rooms().is_clean


def test_the_demo_tells_a_story_and_goes_without_what_others_did_elsewhere(
    alice: User, make_quest: MakeQuest, capsys: pytest.CaptureFixture[str]
) -> None:
    complete_quest(player=alice, number=make_quest().number)
    before = rows()

    call_command("demo", "load")

    assert_it_tells_a_story()
    assert_its_operator_signs_in(capsys.readouterr().out)
    assert is_reconciled()
    use_it(alice)

    call_command("demo", "clear")

    assert {table: count for table, count in rows().items() if count != before[table]} == {}
    assert not RankSegment.objects.exclude(board=OVERALL).exists()
    assert Standing.objects.get().xp == 10
    assert LedgerEntry.objects.get().player == alice
    assert is_reconciled()


def assert_its_operator_signs_in(said: str) -> None:
    password = re.search(r"password (\S+)", said)
    assert password
    signed_in = Client().post("/login", {"username": "demo", "password": password[1]})
    assert signed_in.status_code == 302


def assert_it_tells_a_story() -> None:
    assert Link.objects.filter(click_count__gt=100).count() == 7
    assert Click.objects.values("at__date").distinct().count() >= 21
    assert set(Requirement.objects.values_list("kind", flat=True)) == set(kinds())
    assert Completion.objects.filter(status="paid").count() > 200
    assert Completion.objects.filter(status="held").count() == 1
    assert Evidence.objects.filter(kind="proof", state="pending").count() >= 4
    assert MarkedClick.objects.filter(outcome=VisitOutcome.COUNTED).count() > 20
    assert Completion.objects.filter(quest__requirements__kind="visit_link").count() > 10
    assert Completion.objects.filter(quest__requirements__kind="room_message").count() > 5
    assert Completion.objects.filter(quest__title="The word of the talk").count() == 25
    assert EarnedAchievement.objects.values("achievement").distinct().count() == 5
    assert SeasonRank.objects.filter(season__slug=story.CLOSED).count() > 20
    assert Quest.objects.filter(status="closed").count() == 3
    assert Room.objects.filter(last_seq__gt=5).count() == 3
    assert Message.objects.exclude(mentions=[]).count() == 2
    assert Stay.objects.count() > 40
    assert Raffle.objects.get().season.slug == story.RUNNING


def use_it(alice: User) -> None:
    """As far as nobody was paid for it: her check-in goes with the quest."""
    demo = User.objects.get(username="demo")
    complete_quest(
        player=demo, number=Quest.objects.get(title="Say hello", season__slug=story.RUNNING).number
    )
    create_webhook(owner=demo, url="https://example.com/")
    streak = Quest.objects.get(title="Come back for a week").number
    start_quest(player=alice, number=streak)
    submit_step(player=alice, number=streak, key="days", answer="here")


def test_a_demo_that_others_have_played_stays_whole(alice: User) -> None:
    call_command("demo", "load")
    complete_quest(
        player=alice, number=Quest.objects.get(title="Say hello", season__slug=story.RUNNING).number
    )
    entries = LedgerEntry.objects.count()

    with pytest.raises(CommandError, match="1 lines of other people's XP"):
        call_command("demo", "clear")

    assert LedgerEntry.objects.count() == entries
    assert quests.reconcile().is_clean

    call_command("demo", "load", "--if-empty")
    with pytest.raises(CommandError, match="already"):
        call_command("demo", "load")
