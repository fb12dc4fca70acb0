"""While there is maintenance nothing new is taken, and what is there is shown."""

import json
from io import StringIO
from typing import Any

import pytest
from celery.exceptions import Retry
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import InternalError, OperationalError, connection, transaction
from django.test import Client
from django_celery_beat.schedulers import ModelEntry

from accounts.models import User
from config.celery import app as celery
from monitoring.health import services as health
from monitoring.maintenance import notice, services
from monitoring.maintenance.layer import Maintenance
from monitoring.maintenance.notice import KEY, Notice
from monitoring.maintenance.watcher import Watcher
from monitoring.models import Maintenance as Switch
from monitoring.redis import durable
from monitoring.wire.mapping import as_problem
from realtime.socket import frames
from realtime.socket.conversation import Conversation

ON = Notice(version=7, is_on=True, message="Back at noon.")
ADMIN = "/admin/monitoring/maintenance/"


async def ask(method: str, path: str = "/api/links") -> tuple[int, dict[str, Any], dict[Any, Any]]:
    """(status, body, headers) of what the layer, or the application behind it, answers."""
    sent: list[Any] = []

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": []}
    await Maintenance(application, always=(ADMIN,))(scope, None, send)  # type: ignore[arg-type]
    return sent[0]["status"], json.loads(sent[1]["body"]), dict(sent[0]["headers"])


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "WHATEVER"])
async def test_what_would_change_something_is_refused_with_the_message(method: str) -> None:
    assert (await ask(method))[0] == 200
    notice.put(ON)
    status, problem, headers = await ask(method)
    assert (status, problem["code"], problem["detail"]) == (503, "maintenance", "Back at noon.")
    assert headers[b"retry-after"] == b"60"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_reading_goes_on(method: str) -> None:
    notice.put(ON)
    assert (await ask(method))[0] == 200


async def test_whoever_ends_it_is_let_in() -> None:
    notice.put(ON)
    assert (await ask("POST", f"{ADMIN}1/change/"))[0] == 200


async def test_a_socket_takes_no_messages_and_goes_on() -> None:
    notice.put(ON)
    conversation = Conversation(None, None)  # type: ignore[arg-type]
    said = frames.decode(
        '{"event": "message:send", "data": {"room": "lobby", "body": "Hi", "clientId": "client-1"}}'
    )
    with pytest.raises(frames.Refusal) as refused:
        await conversation.answer(said)
    assert (refused.value.code, refused.value.detail) == ("maintenance", "Back at noon.")
    listening = frames.decode('{"event": "leave:room", "data": {"room": "lobby"}}')
    with pytest.raises(AttributeError):  # it went on to the session, which there is none of
        await conversation.answer(listening)


# --- What a process knows -------------------------------------------------------------------------
def watcher(settings: Any, stored: Notice | None = None, **urls: str) -> Watcher:
    def ask_database() -> Notice:
        if stored is None:
            raise RuntimeError("away")
        return stored

    return Watcher(redis_url=urls.get("redis_url", settings.REDIS_URL), ask_database=ask_database)


async def test_it_believes_the_announcement(settings: Any) -> None:
    durable().set(KEY, notice.encode(ON))
    await watcher(settings).look()
    assert notice.current() == ON


async def test_without_an_announcement_postgresql_is_asked_and_announced(settings: Any) -> None:
    await watcher(settings, ON).look()
    assert notice.current() == ON
    raw: Any = durable().get(KEY)
    assert notice.decode(raw) == ON
    assert 0 < int(str(durable().ttl(KEY))) <= 10


async def test_while_redis_is_away_postgresql_is_asked(settings: Any, unused_tcp_port: int) -> None:
    away = f"redis://127.0.0.1:{unused_tcp_port}/0"
    await watcher(settings, ON, redis_url=away).look()
    assert notice.current() == ON


async def test_while_nobody_answers_it_remembers(settings: Any, unused_tcp_port: int) -> None:
    notice.put(ON)
    away = f"redis://127.0.0.1:{unused_tcp_port}/0"
    with pytest.raises(RuntimeError):
        await watcher(settings, redis_url=away).look()
    assert notice.current() == ON


async def test_an_announcement_from_before_is_not_believed(settings: Any) -> None:
    """Of a Redis that was away while it was changed."""
    notice.put(ON)
    durable().set(KEY, notice.encode(Notice(version=6)))
    newest = Notice(version=8)
    await watcher(settings, newest).look()
    assert notice.current() == newest


async def test_what_was_announced_meanwhile_is_not_overwritten(settings: Any) -> None:
    def ask_database() -> Notice:
        durable().set(KEY, notice.encode(ON))
        return Notice(version=6)

    looking = Watcher(redis_url=settings.REDIS_URL, ask_database=ask_database)
    await looking.look()
    await looking.look()
    assert notice.current() == ON


def test_an_older_notice_never_replaces_a_newer_one() -> None:
    notice.put(ON)
    notice.put(Notice(version=6))
    assert notice.current() == ON


# --- The switch -----------------------------------------------------------------------------------
def is_locked() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase"
            " WHERE d.datname = current_database()"
            " AND 'default_transaction_read_only=on' = ANY(s.setconfig)"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db
def test_the_switch_stores_locks_and_announces() -> None:
    before = services.stored()
    assert services.switch(on=True, message="Soon.", by="ada")
    stored = services.stored()
    assert (stored.is_on, stored.message, stored.version > before.version) == (True, "Soon.", True)
    assert is_locked()
    raw: Any = durable().get(KEY)
    assert notice.decode(raw) == notice.current() == services.stored()
    assert services.is_on()
    assert health.short_report()["maintenance"] is True
    assert services.switch(on=False)
    assert not is_locked()
    assert not services.is_on()


@pytest.mark.django_db
def test_without_the_right_to_lock_the_first_lock_has_to_do() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE visitor")
        cursor.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO visitor")
        cursor.execute("SET LOCAL ROLE visitor")
        said = command("on")
        cursor.execute("RESET ROLE")
    assert "not locked" in said
    assert services.stored().is_on
    assert not is_locked()


@pytest.mark.django_db
def test_it_is_ended_though_older_rows_were_restored_meanwhile() -> None:
    for _ in range(3):
        services.switch(on=True)
    Switch.objects.update(version=1, is_on=False)
    services.switch(on=False)
    assert not notice.current().is_on


@pytest.mark.django_db
def test_while_neither_redis_nor_postgresql_answers_work_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> Notice:
        raise OperationalError("away")

    monkeypatch.setattr(services, "stored", refuse)
    assert not services.is_on()  # nothing is announced either


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("maintenance", *arguments, stdout=out)
    return out.getvalue().strip()


@pytest.mark.django_db
def test_the_command_switches_and_tells() -> None:
    assert command("status") == "Maintenance is off."
    assert command("on", "--message", "Soon.") == "Maintenance is on: Soon."
    assert command("status") == "Maintenance is on: Soon."
    assert command("on") == "Maintenance is on: Soon."
    with pytest.raises(CommandError, match="300"):
        command("on", "--message", "a" * 301)
    assert command("off") == "Maintenance is off."
    assert command("status") == "Maintenance is off."
    assert "Soon" not in command("on")  # that was another time


@pytest.mark.django_db
def test_an_operator_switches_it_in_the_admin(client: Client) -> None:
    client.force_login(User.objects.create_superuser(username="ada"))
    assert client.get(ADMIN).status_code == 200
    page = client.post(f"{ADMIN}1/change/", {"is_on": "on", "message": "Soon."})
    assert page.status_code == 302
    assert services.stored().text == "Soon."
    assert services.stored().is_on
    assert is_locked()


@pytest.mark.django_db
def test_what_the_database_refuses_is_a_problem_and_no_fault() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL transaction_read_only = on")
    with pytest.raises(InternalError) as refused, transaction.atomic():
        User.objects.create_user(username="late")
    problem = as_problem(refused.value)
    assert problem is not None
    assert (problem.status_code, problem.code) == (503, "maintenance")


# --- Tasks ----------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_tasks_wait_and_the_heartbeat_goes_on() -> None:
    done = []

    @celery.task(name="tests.work", shared=False)
    def work() -> str:
        done.append(1)
        return "done"

    @celery.task(name="tests.beat", shared=False, in_maintenance=True)
    def beat() -> str:
        return "beat"

    assert work.apply().result == "done"
    services.switch(on=True)
    assert work.apply().result is None
    assert beat.apply().result == "beat"
    assert done == [1]
    work.push_request(called_directly=False, expires=None, is_eager=False, id="x", retries=0)
    try:
        with pytest.raises(Retry):
            work()
    finally:
        work.pop_request()
    # However often it has waited before.
    work.push_request(called_directly=False, expires=None, is_eager=False, id="x", retries=99)
    try:
        with pytest.raises(Retry):
            work()
    finally:
        work.pop_request()
    assert done == [1]


@pytest.mark.django_db
def test_what_beat_plans_expires_so_that_it_does_not_pile_up() -> None:
    entries = ModelEntry.from_entry
    for name, planned in settings.CELERY_BEAT_SCHEDULE.items():
        assert entries(name, app=celery, **planned).options["expires"] >= 10


@pytest.mark.django_db
def test_the_status_page_says_so(client: Client) -> None:
    assert "Maintenance" not in client.get("/status").content.decode()
    notice.put(ON)
    assert "Back at noon." in client.get("/status").content.decode()
