"""Settings come from the environment: typed, documented, and refused when they cannot be meant."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import connections, env

PROJECT = Path(__file__).parents[2]
# Told to settings by gunicorn's configuration, and by nobody else.
INTERNAL = {"RALLYPOINT_ROLE"}


def test_every_variable_is_in_the_example_and_none_besides() -> None:
    read = {"BIND"}  # by gunicorn's configuration, which knows no settings
    for file in (PROJECT / "config").glob("*.py"):
        read |= set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', file.read_text()))
    documented = set(
        re.findall(r"^([A-Z_]+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE)
    )

    assert documented == read - INTERNAL


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("A_FLAG", "maybe", lambda: env.flag("A_FLAG", default=False)),
        ("A_NUMBER", "many", lambda: env.integer("A_NUMBER", 1)),
        ("A_NUMBER", "-1", lambda: env.integer("A_NUMBER", 1)),
        ("A_CHOICE", "red", lambda: env.choice("A_CHOICE", "blue", {"blue", "green"})),
        ("A_SECRET_FILE", "/nowhere", lambda: env.secret("A_SECRET")),
        ("NUMBERS", "1,two", lambda: env.integers("NUMBERS", "1")),
        ("NUMBERS", "0", lambda: env.integers("NUMBERS", "1")),
        ("NUMBERS", "9" * 5000, lambda: env.integers("NUMBERS", "1")),
        ("ENDPOINTS", "https://rpc.example", lambda: env.endpoints("ENDPOINTS")),
        ("ENDPOINTS", '["https://rpc.example"]', lambda: env.endpoints("ENDPOINTS")),
        ("ENDPOINTS", '{"main": "https://rpc.example"}', lambda: env.endpoints("ENDPOINTS")),
        ("ENDPOINTS", '{"1": "ftp://rpc.example"}', lambda: env.endpoints("ENDPOINTS")),
        ("ENDPOINTS", '{"1": "https://rpc.example:x"}', lambda: env.endpoints("ENDPOINTS")),
        ("ENDPOINTS", '{"1": 7}', lambda: env.endpoints("ENDPOINTS")),
        ("RATES", "on", lambda: env.rates("RATES", {"nonce": "1/m"})),
        ("RATES", '["9/m"]', lambda: env.rates("RATES", {"nonce": "1/m"})),
        ("RATES", '{"nonce": "often"}', lambda: env.rates("RATES", {"nonce": "1/m"})),
        ("RATES", '{"nonce": 9}', lambda: env.rates("RATES", {"nonce": "1/m"})),
        ("RATES", '{"other": "9/m"}', lambda: env.rates("RATES", {"nonce": "1/m"})),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, read: object
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ImproperlyConfigured, match=name):
        read()  # type: ignore[operator]


def test_tiers_of_rates_are_overridden_or_off(monkeypatch: pytest.MonkeyPatch) -> None:
    tiers = {"nonce": "30/m", "other": "5/10s"}
    assert env.rates("RATES", tiers) == tiers
    monkeypatch.setenv("RATES", '{"nonce": "9/h"}')
    assert env.rates("RATES", tiers) == tiers | {"nonce": "9/h"}
    monkeypatch.setenv("RATES", "off")
    assert env.rates("RATES", tiers) == {}


def test_lists_and_endpoints_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.integers("NUMBERS", "1") == [1]
    assert env.endpoints("ENDPOINTS") == {}
    monkeypatch.setenv("NUMBERS", "10, 1")
    monkeypatch.setenv("ENDPOINTS", '{"1": "https://rpc.example/v3/key"}')
    assert env.integers("NUMBERS", "1") == [10, 1]
    assert env.endpoints("ENDPOINTS") == {1: "https://rpc.example/v3/key"}


def test_a_refused_endpoint_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be a key in it."""
    monkeypatch.setenv("ENDPOINTS", '{"1": "ftp://rpc.example/key"}')
    with pytest.raises(ImproperlyConfigured) as refusal:
        env.endpoints("ENDPOINTS")
    assert "key" not in str(refusal.value)


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from the file\n")
    monkeypatch.setenv("A_SECRET_FILE", str(tmp_path / "key"))
    assert env.secret("A_SECRET") == "from the file"

    monkeypatch.setenv("A_SECRET", "itself")
    assert env.secret("A_SECRET") == "itself"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"DEBUG": "true"}, "DEBUG"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
    ],
)
def test_an_unsafe_web_process_does_not_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: dict[str, str], message: str
) -> None:
    monkeypatch.setenv("RALLYPOINT_ROLE", "web")
    monkeypatch.setenv("VAR_DIR", str(tmp_path))
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    done = subprocess.run(
        [sys.executable, "-c", "import config.asgi"],
        cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode != 0
    assert message in done.stderr


def test_production_has_nothing_to_warn_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Django's own list for deployments, drf-spectacular's and ours, as an operator asks for it."""
    for name, value in {
        "SECRET_KEY": "".join(chr(33 + number * 7 % 90) for number in range(64)),
        "PUBLIC_URL": "https://rally.example",
        "ALLOWED_HOSTS": "rally.example",
        "TRUSTED_PROXIES": "10.0.0.0/8",
        "VAR_DIR": str(tmp_path),
        "RATE_LIMITS": "",
        "DEBUG": "",
    }.items():
        monkeypatch.setenv(name, value)

    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    said = "System check identified no issues (1 silenced)."
    assert (done.returncode, done.stderr, done.stdout.strip()) == (0, "", said)


@pytest.mark.parametrize(("debug", "server"), [("true", "daphne"), ("false", "django.core")])
def test_the_development_server_is_daphne_and_nobody_else_loads_it(
    monkeypatch: pytest.MonkeyPatch, debug: str, server: str
) -> None:
    monkeypatch.setenv("DEBUG", debug)
    ask = (
        "import django, sys; django.setup();"
        "from django.core.management import get_commands as known;"
        "print(known()['runserver'].replace('whitenoise.runserver_nostatic', 'django.core'),"
        "'daphne.server' in sys.modules)"
    )

    said = subprocess.check_output(
        [sys.executable, "-c", ask], cwd=PROJECT, text=True, timeout=60,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"},
    )  # fmt: skip

    assert said.split() == [server, str(server == "daphne")]


def test_a_database_url_becomes_djangos_settings() -> None:
    made = connections.django_database(
        "postgresql://ada:p%40ss@/name?host=/run/db&port=6000", options={}, pool_max=3
    )

    assert (made["USER"], made["PASSWORD"], made["NAME"]) == ("ada", "p@ss", "name")
    assert (made["HOST"], made["PORT"]) == ("/run/db", "6000")
    assert made["OPTIONS"]["pool"]["max_waiting"] == 100


def test_a_command_that_maintenance_locks_out_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=on")
    write = "from django.db import connection as c; c.cursor().execute('CREATE TABLE x ()')"

    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", write],
        cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == os.EX_TEMPFAIL
    assert done.stderr == "The database takes nothing now: see `manage.py maintenance status`.\n"


def test_the_pool_and_the_time_limits_are_the_documented_ones() -> None:
    ask = (
        "from django.conf import settings as s; o = s.DATABASES['default']['OPTIONS'];"
        "print(*o['pool'].values(), o['options'], s.SLOW_QUERY_THRESHOLD, s.ENABLE_QUERY_LOGGING)"
    )
    bare = {name: os.environ[name] for name in ("PATH", "SECRET_KEY", "VAR_DIR")}
    said = subprocess.check_output(
        [sys.executable, "-c", ask], cwd=PROJECT, text=True, timeout=60,
        env=bare | {"DJANGO_SETTINGS_MODULE": "config.settings", "RALLYPOINT_ROLE": "web"},
    )  # fmt: skip

    limits = "-c statement_timeout=30000 -c lock_timeout=3000 -c default_transaction_read_only=off"
    assert said.strip() == f"2 20 600.0 2.0 100 {limits} 1000 False"


@pytest.mark.parametrize(("database", "hours"), [("postgresql://ada@h/name", "24"), ("", "0")])
def test_backups_are_made_by_themselves_of_a_database_that_is_ones_own(
    database: str, hours: str
) -> None:
    """And not of the private one of `make run`, nor is their absence complained of."""
    bare = {name: os.environ[name] for name in ("PATH", "SECRET_KEY", "VAR_DIR")}
    ask = "from django.conf import settings; print(settings.BACKUP_INTERVAL_HOURS)"
    said = subprocess.check_output(
        [sys.executable, "-c", ask], cwd=PROJECT, text=True, timeout=60,
        env=bare | {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": database},
    )  # fmt: skip
    assert said.strip() == hours


def test_what_an_operator_says_for_one_command_holds_beside_ours() -> None:
    """How a migration writes during maintenance, which locks the database for commands."""
    ask = (
        "import django; django.setup(); from django.db import connection as c; cursor = c.cursor()"
        "; show = lambda name: (cursor.execute(f'SHOW {name}'), cursor.fetchone()[0])[1]"
        "; print(show('default_transaction_read_only'), show('statement_timeout'))"
    )
    said = subprocess.check_output(
        [sys.executable, "-c", ask], cwd=PROJECT, text=True, timeout=60,
        env=os.environ | {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PGOPTIONS": "-c default_transaction_read_only=on",
        },
    )  # fmt: skip
    assert said.split() == ["on", "30s"]


def test_behind_pgbouncer_nothing_is_left_on_a_connection() -> None:
    options = {"prepare_threshold": 5, "options": "-c lock_timeout=3000", "connect_timeout": 2}
    url = "postgresql://ada@h/name"
    made = connections.django_database(url, options=options, pool_max=0, pgbouncer=True)
    assert made["OPTIONS"] == {"prepare_threshold": None, "connect_timeout": 2}
    assert made["DISABLE_SERVER_SIDE_CURSORS"]


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite:///x"])
def test_another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        connections.django_database(url, options={}, pool_max=0)


def test_the_cache_is_the_next_database_of_redis() -> None:
    assert connections.sibling_redis("redis://:x@h:1/4") == "redis://:x@h:1/5"
    assert connections.sibling_redis("redis://h:1") == "redis://h:1/1"
