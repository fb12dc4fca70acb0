"""The demo: believable, reconciled, and gone without a trace."""

import re

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from links.clicks.reconciliation import reconcile
from links.models import Click, ClicksByDay, Link

pytestmark = pytest.mark.django_db


def test_the_demo_loads_signs_in_and_goes(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("demo", "load")
    said = capsys.readouterr().out

    password = re.search(r"password (\S+)", said)
    assert password
    signed_in = Client().post("/login", {"username": "demo", "password": password[1]})
    assert signed_in.status_code == 302
    assert Link.objects.filter(click_count__gt=500).count() == 3
    assert reconcile().is_clean

    call_command("demo", "clear")
    assert not Click.objects.exists()
    assert not ClicksByDay.objects.exists()
    assert not Link.objects.exists()
    assert reconcile().is_clean


def test_the_demo_is_not_loaded_twice() -> None:
    call_command("demo", "load")

    call_command("demo", "load", "--if-empty")
    with pytest.raises(CommandError, match="already"):
        call_command("demo", "load")
