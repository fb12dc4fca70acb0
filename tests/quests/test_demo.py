"""The demo: believable, reconciled, and gone without a trace."""

import re

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from links.clicks.reconciliation import reconcile
from links.models import Click, ClicksByDay, Link
from quests import reconciliation as quests
from quests.completions.completing import complete_quest
from quests.models import Completion, Evidence, LedgerEntry, Quest, Standing
from quests.webhooks.services import create_webhook
from realtime.models import Message, Room
from tests.quests.conftest import MakeQuest

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_demo_loads_signs_in_and_goes(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("demo", "load")
    said = capsys.readouterr().out

    password = re.search(r"password (\S+)", said)
    assert password
    signed_in = Client().post("/login", {"username": "demo", "password": password[1]})
    assert signed_in.status_code == 302
    assert Link.objects.filter(click_count__gt=500).count() == 3
    assert reconcile().is_clean
    assert Quest.objects.count() == 6
    assert Completion.objects.filter(status="paid").count() > 25
    assert Evidence.objects.filter(state="pending").count() > 2
    assert quests.reconcile().is_clean
    assert Room.objects.get().last_seq > 5
    assert Message.objects.filter(mentions__len=1).count() == 1

    call_command("demo", "clear")
    assert not Room.objects.exists()
    assert not Click.objects.exists()
    assert not ClicksByDay.objects.exists()
    assert not Link.objects.exists()
    assert reconcile().is_clean
    assert not Quest.objects.exists()
    assert not LedgerEntry.objects.exists()
    assert quests.reconcile().is_clean


def test_clearing_the_demo_leaves_what_others_did_elsewhere(
    alice: User, make_quest: MakeQuest
) -> None:
    call_command("demo", "load")
    demo = User.objects.get(username="demo")
    complete_quest(player=demo, number=Quest.objects.get(title="Say hello").number)
    create_webhook(owner=demo, url="https://example.com/")
    complete_quest(player=alice, number=make_quest().number)

    call_command("demo", "clear")

    assert not User.objects.filter(username="demo").exists()
    assert Standing.objects.get().xp == 10
    assert LedgerEntry.objects.get().player == alice
    assert quests.reconcile().is_clean


def test_a_demo_that_others_have_played_stays_whole(alice: User) -> None:
    call_command("demo", "load")
    complete_quest(player=alice, number=Quest.objects.get(title="Say hello").number)
    entries = LedgerEntry.objects.count()

    with pytest.raises(CommandError, match="1 lines of other people's XP"):
        call_command("demo", "clear")

    assert LedgerEntry.objects.count() == entries
    assert quests.reconcile().is_clean


def test_the_demo_is_not_loaded_twice() -> None:
    call_command("demo", "load")

    call_command("demo", "load", "--if-empty")
    with pytest.raises(CommandError, match="already"):
        call_command("demo", "load")
