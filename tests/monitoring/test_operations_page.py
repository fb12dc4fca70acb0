"""The operators' page of live figures, and what stands behind it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.contrib.staticfiles import finders
from rest_framework.test import APIClient

from accounts.models import User
from monitoring.performance.pages import CHARTS

Api = Callable[..., APIClient]
PAGE = "/admin/operations/"


@pytest.fixture
def watcher(operator: User) -> User:
    operator.user_permissions.add(Permission.objects.get(codename="view_livefigures"))
    return operator


@pytest.mark.django_db
def test_an_operator_who_may_sees_it_and_finds_it(api: Api, watcher: User) -> None:
    page = api(watcher).get(PAGE).content.decode()
    assert all(f'data-chart="{name}"' in page for name, _ in CHARTS)
    assert 'data-performance="/api/performance"' in page
    assert not re.search(r"<script(?![^>]*(src=|type=\"application/json\"))", page)
    assert f'href="{PAGE}"' in api(watcher).get("/admin/").content.decode()


@pytest.mark.django_db
def test_others_do_not(api: Api, operator: User, alice: User) -> None:
    assert api(operator).get(PAGE).status_code == 403
    assert api(alice).get(PAGE).status_code == 302
    assert api().get(PAGE).status_code == 302


def test_the_charts_of_the_page_are_those_of_its_script_and_the_library_is_ours() -> None:
    script = Path(str(finders.find("monitoring/operations.js"))).read_text()
    drawn = script.partition("const CHARTS = {")[2].partition("\n};")[0]
    assert re.findall(r"^  (\w+):", drawn, re.MULTILINE) == [name for name, _ in CHARTS]
    assert finders.find("unfold/js/chart/chart.js")
    assert "//" not in re.sub(r"^//.*$|^ +//.*$", "", script, flags=re.MULTILINE)  # no other host
