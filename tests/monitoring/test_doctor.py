"""What is wrong with an installation is found, with what to do about it."""

import json
import resource
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from socket import create_server
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django import Settings

from monitoring.backups import programs
from monitoring.doctor import configuration, database, examination, machine
from monitoring.doctor.finding import Finding, Level
from monitoring.redis import durable
from tests.monitoring.backups.conftest import url_of
from tests.monitoring.conftest import StartRedis
from tests.monitoring.test_outbound_tls import Authority

pytestmark = pytest.mark.django_db

Examine = Callable[[], dict[str, Finding]]


@pytest.fixture
def examine(settings: Settings, tmp_path: Path) -> Examine:
    """By name; without the health checks, which have tests of their own, unless they are set."""
    settings.HEALTH_CHECKS = {}
    settings.BACKUP_DATABASE_URL = url_of(connection.settings_dict["NAME"])
    settings.BACKUP_DIR = tmp_path
    settings.PUBLIC_URL = "http://localhost:8000"
    return lambda: {one.name: one for one in examination.examine()}


def doctor(*words: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("doctor", *words, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def test_each_thing_that_is_wrong_comes_with_one_sentence_of_what_to_do(examine: Examine) -> None:
    found = examine()
    assert {one.level for one in found.values()} == set(Level)
    for one in found.values():
        assert bool(one.fix) == (one.level is not Level.OK), one
    # The servers of a test run are fast, and keep nothing.
    assert found["fsync"].level is Level.ERROR
    assert found["PostgreSQL"].level is Level.OK
    assert found["pg_dump"].level is Level.OK


def test_the_exit_code_says_how_bad_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    error, warning, ok = (Finding(level, str(level), "text", "fix") for level in Level)
    for found, plain, strict in (
        ([ok], 0, 0),
        ([warning, ok], 0, 2),
        ([error, warning, ok], 1, 1),
    ):
        monkeypatch.setattr(
            "monitoring.management.commands.doctor.examine", lambda found=found: found
        )
        assert (doctor()[0], doctor("--strict")[0]) == (plain, strict)
    code, text = doctor("--json")
    told = json.loads(text)
    assert code == 1
    assert told["counts"] == {"error": 1, "warning": 1, "ok": 1}
    assert told["findings"][0] == {"level": "error", "name": "error", "text": "text", "fix": "fix"}


def test_people_read_a_table_with_the_worst_first(examine: Examine) -> None:
    text = doctor()[1]
    assert text.index("ERRORS") < text.index("WARNINGS") < text.index("WELL")
    assert "> ALTER SYSTEM SET fsync = on" in text
    assert max(map(len, text.splitlines())) <= 120
    levels = [one["level"] for one in json.loads(doctor("--json")[1])["findings"]]
    assert levels == sorted(levels, key=list(Level).index)


def test_what_the_system_checks_say_is_said_here_too(examine: Examine, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["0.0.0.0/0"]
    found = examine()
    assert found["rallypoint.W005"].level is Level.WARNING
    settings.SECRET_KEY = "short"
    found = examine()
    assert found["rallypoint.E001"].level is Level.ERROR
    assert "token_urlsafe" in found["rallypoint.E001"].fix
    assert "security.W009" not in found


def test_a_health_check_that_is_not_well_is_a_finding_with_its_hint(
    examine: Examine, settings: Settings
) -> None:
    settings.HEALTH_CHECKS = {
        "workers": "monitoring.health.background.check_workers",
        "redis": "monitoring.health.services.check_redis",
    }
    found = examine()
    assert found["redis"].level is Level.OK
    assert found["workers"].level is Level.WARNING
    assert "celery -A config worker" in found["workers"].fix


def test_a_name_that_django_would_refuse_is_found(examine: Examine, settings: Settings) -> None:
    settings.PUBLIC_URL, settings.LINK_DOMAINS = "http://rally.example", ["go.example"]
    found = examine()
    assert found["PUBLIC_URL"].level is Level.ERROR
    assert found["LINK_DOMAINS"].level is Level.WARNING
    assert "go.example" in found["LINK_DOMAINS"].fix
    assert found["TLS"].level is Level.WARNING
    settings.ALLOWED_HOSTS = ["rally.example", ".example"]
    found = examine()
    assert {found["PUBLIC_URL"].level, found["LINK_DOMAINS"].level} == {Level.OK}


@contextmanager
def _serving(context: ssl.SSLContext) -> Iterator[int]:
    with create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            while True:
                try:
                    plain, _ = listener.accept()
                    with context.wrap_socket(plain, server_side=True):
                        pass
                except ssl.SSLError:
                    continue
                except OSError:
                    return

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield listener.getsockname()[1]


def test_a_certificate_is_looked_at_as_browsers_do(
    examine: Examine, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    with _serving(authority.server("127.0.0.1")) as port:
        settings.PUBLIC_URL = f"https://127.0.0.1:{port}"
        assert examine()["TLS"].level is Level.ERROR
        monkeypatch.setattr(configuration.ssl, "create_default_context", lambda: authority.trust)
        found = examine()["TLS"]
        assert (found.level, "good for 1 days" in found.text) == (Level.WARNING, True)
        monkeypatch.setattr(configuration, "FEW_DAYS", 0)
        assert examine()["TLS"].level is Level.OK
    with _serving(authority.server("other.example")) as port:
        settings.PUBLIC_URL = f"https://127.0.0.1:{port}"
        assert examine()["TLS"].level is Level.ERROR
    settings.PUBLIC_URL = "https://127.0.0.1:9"
    assert "does not answer from here" in examine()["TLS"].text


def test_more_connections_than_there_is_room_for_are_counted(
    examine: Examine, settings: Settings
) -> None:
    settings.WEB_CONCURRENCY, settings.CELERY_WORKER_CONCURRENCY = 2, 4
    settings.DATABASE_POOL_MAX = 20
    assert database.most_connections() == 2 * (20 + 4 + 6) + 4 + 2
    assert examine()["connections"].level is Level.OK
    settings.DATABASE_POOL_MAX = 500
    assert examine()["connections"].level is Level.WARNING
    settings.DATABASE_PGBOUNCER = True
    assert examine()["connections"].level is Level.OK


def test_how_postgresql_is_set_up_is_asked_of_itself(examine: Examine, settings: Settings) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET jit = on")
        cursor.execute("SET wal_compression = off")
        cursor.execute("SET log_min_error_statement = 'error'")
    found = examine()
    for name in ("jit", "wal_compression", "log_min_error_statement"):
        assert found[name].level is Level.WARNING
    with connection.cursor() as cursor:
        cursor.execute("RESET jit")
        cursor.execute("RESET wal_compression")
        cursor.execute("RESET log_min_error_statement")
    assert examine()["jit"].level is Level.OK


def test_a_role_without_rights_is_found(examine: Examine) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE humble")
        cursor.execute("SET ROLE humble")
        found = {one.name: one for one in database.rights()}
        cursor.execute("RESET ROLE")
    assert {one.level for one in found.values()} == {Level.WARNING}
    assert "CREATEDB" in found["right to drill"].fix
    assert {examine()[name].level for name in found} == {Level.OK}


def test_a_redis_that_would_evict_clicks_is_found(
    examine: Examine, settings: Settings, start_redis: StartRedis
) -> None:
    assert examine()["maxmemory-policy"].level is Level.OK
    settings.REDIS_URL = start_redis(appendonly="yes")
    durable().config_set("maxmemory-policy", "allkeys-lru")
    memory: Any = durable().info("memory")
    durable().config_set("maxmemory", int(memory["used_memory"] * 1.1))
    found = examine()
    assert found["maxmemory-policy"].level is Level.ERROR
    assert found["memory of REDIS_URL"].level is Level.WARNING
    assert found["appendfsync"].level is Level.OK


def test_too_few_open_files_are_found(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "FEW_FILES", resource.getrlimit(resource.RLIMIT_NOFILE)[0] + 1)
    assert examine()["open files"].level is Level.WARNING


def test_missing_static_files_are_found(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert examine()["static files"].level is Level.OK
    monkeypatch.setattr(configuration, "_SCRIPT", "rallypoint/nosuch.css")
    assert examine()["static files"].level is Level.ERROR


def test_what_a_worst_day_would_need_is_looked_for(
    examine: Examine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BACKUP_INTERVAL_HOURS = 6
    found = examine()
    assert found["backup schedule"].text == "One every 6 h."
    assert "lie on this machine alone" in found["BACKUP_S3_URL"].text
    settings.BACKUP_INTERVAL_HOURS = 0
    settings.BACKUP_S3_URL, settings.BACKUP_S3_ENDPOINT = "s3://b", "http://127.0.0.1:9"
    monkeypatch.setattr("monitoring.backups.bucket.TRIES", 1)
    monkeypatch.setattr(programs, "client_directories", lambda: iter([]))
    found = examine()
    assert found["backup schedule"].level is Level.WARNING
    assert found["backup programs"].level is Level.ERROR
    assert found["BACKUP_S3_URL"].level is Level.ERROR


@pytest.mark.parametrize("place", ["/proc/backups", "{file}", "{file}/below"])
def test_a_directory_that_takes_no_backup_is_found_by_root_too(
    examine: Examine, settings: Settings, tmp_path: Path, place: str
) -> None:
    settings.BACKUP_DIR = tmp_path / "not made yet" / "backups"
    assert examine()["BACKUP_DIR"].level is Level.OK
    file = tmp_path / "file"
    file.touch()
    settings.BACKUP_DIR = place.format(file=file)
    assert examine()["BACKUP_DIR"].level is Level.ERROR


def test_one_thing_that_cannot_be_looked_at_hides_no_other(
    examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Iterator[Any]:
        raise RuntimeError("postgresql://rally:hunter2hunter2@db/x went away")
        yield

    monkeypatch.setattr(examination, "PROBES", (broken, *examination.PROBES))
    found = examine()
    assert "Could not be looked at: RuntimeError" in found["broken"].text
    assert "hunter2" not in str(found)
    assert "PostgreSQL" in found
