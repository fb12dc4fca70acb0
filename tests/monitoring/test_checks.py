"""An unsafe installation does not start, and says everything that is wrong with it at once."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import override_settings
from structlog.testing import capture_logs

from monitoring import checks
from tests.monitoring.conftest import StartRedis

APPS = [app for app in settings.INSTALLED_APPS if "token_blacklist" not in app]


def ids() -> set[str]:
    return {str(message.id) for message in run_checks() if str(message.id).startswith("rally")}


@pytest.fixture(autouse=True)
def _proxied() -> Iterator[None]:
    """The address of the tests is https, so a proxy is missing (W003) unless one is named. Most of
    them limit nobody (W007)."""
    with override_settings(TRUSTED_PROXIES=["10.0.0.0/8"], RATE_LIMITS={"general": "5000/15m"}):
        yield


def test_a_sound_installation_has_nothing_to_say() -> None:
    assert ids() == set()


@pytest.mark.parametrize(
    ("id_", "changed"),
    [
        ("E001", {"SECRET_KEY": "insecure-default"}),
        ("E001", {"SECRET_KEY": "x" * 49}),
        ("E001", {"SECRET_KEY": "insecure-" + "x" * 60}),
        ("E002", {"DEBUG": True, "ROLE": "web"}),
        ("E003", {"ALLOWED_HOSTS": ["a.test", "*"]}),
        ("E005", {"TRUSTED_PROXIES": ["10.0.0.0/8", "nginx"]}),
        ("E006", {"PUBLIC_URL": "rally.test"}),
        ("E006", {"PUBLIC_URL": "https://rally.test/path"}),
        ("E006", {"PUBLIC_URL": "https://rally.test:port"}),
        ("E006", {"PUBLIC_URL": "ftp://rally.test"}),
        ("E006", {"PUBLIC_URL": "https://[::1"}),
        ("E007", {"VAR_DIR": Path(__file__) / "below"}),
        ("E007", {"VAR_DIR": Path(__file__)}),
        ("E008", {"GEOIP_DATABASE": "/nowhere/GeoLite2.mmdb"}),
        ("E009", {"RATE_LIMIT_EXEMPT": ["10.0.0.0/8", "the office"]}),
        ("W003", {"TRUSTED_PROXIES": []}),
        ("W005", {"TRUSTED_PROXIES": ["0.0.0.0/0"]}),
        ("W006", {"CACHE_URL": settings.REDIS_URL}),
        ("W007", {"RATE_LIMITS": {}}),
    ],
)
def test_each_mistake_is_said_by_its_id(id_: str, changed: dict[str, Any]) -> None:
    with override_settings(**changed):
        assert ids() == {f"rallypoint.{id_}"}


def test_a_sign_out_that_would_end_nothing_is_said() -> None:
    with override_settings(INSTALLED_APPS=APPS):
        assert [message.id for message in checks.token_blacklist()] == ["rallypoint.E004"]


def test_development_needs_no_secret_and_takes_any_host() -> None:
    with override_settings(DEBUG=True, SECRET_KEY="short", ALLOWED_HOSTS=["*"]):
        assert ids() == set()


def test_plain_http_needs_no_proxy() -> None:
    with override_settings(PUBLIC_URL="http://10.0.0.5:8000", TRUSTED_PROXIES=[]):
        assert ids() == set()


def test_a_directory_that_can_still_be_made_is_fine(tmp_path: Path) -> None:
    with override_settings(VAR_DIR=tmp_path / "not" / "yet"):
        assert ids() == set()


# --- at the start ---


def test_starting_is_refused_with_all_errors_in_one_message() -> None:
    with (
        override_settings(SECRET_KEY="short", PUBLIC_URL="nothing"),
        pytest.raises(ImproperlyConfigured) as refused,
    ):
        checks.refuse_if_unsafe()
    assert re.findall(r"rallypoint\.\w+", str(refused.value)) == [
        "rallypoint.E001", "rallypoint.E006",
    ]  # fmt: skip


def test_a_warning_is_logged_and_stops_nobody() -> None:
    with override_settings(CACHE_URL=settings.REDIS_URL), capture_logs() as logged:
        checks.refuse_if_unsafe()
    assert "rallypoint.W006" in [line["id"] for line in logged]


# --- the servers, when they are asked for ---


def server_ids() -> list[str]:
    found = (str(message.id) for message in run_checks(databases=["default"]))
    return [each for each in found if each.startswith("rallypoint.W")]


@pytest.mark.django_db
def test_servers_that_are_well_have_nothing_to_say(start_redis: StartRedis) -> None:
    with override_settings(REDIS_URL=start_redis(appendonly="yes")):
        assert server_ids() == []


@pytest.mark.django_db
def test_a_redis_that_forgets_is_said(start_redis: StartRedis) -> None:
    with override_settings(REDIS_URL=start_redis(appendonly="no")), capture_logs() as logged:
        assert server_ids() == ["rallypoint.W001"]
        assert ids() == set()  # not without --database
        checks.refuse_if_unsafe()
    assert [line["id"] for line in logged] == ["rallypoint.W001"]


@pytest.mark.django_db
def test_clocks_that_disagree_are_said_for_both_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    now = checks.time.time
    monkeypatch.setattr(checks.time, "time", lambda: now() + 2.5)
    assert server_ids().count("rallypoint.W002") == 2


@pytest.mark.django_db
def test_statements_without_a_time_limit_are_said() -> None:
    assert "rallypoint.W010" not in server_ids()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
    assert "rallypoint.W010" in server_ids()


@pytest.mark.django_db(transaction=True)
def test_servers_that_are_away_are_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    connection.close()
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
        patch.setitem(connection.settings_dict, "PORT", str(unused_tcp_port))
        with override_settings(REDIS_URL=f"redis://127.0.0.1:{unused_tcp_port}/0"):
            assert checks.redis_durability() == []
            assert checks.database_clock(["default"]) == []
            assert checks.statement_timeout(["default"]) == []
        connection.close()
    assert os.environ["REDIS_URL"] == settings.REDIS_URL
