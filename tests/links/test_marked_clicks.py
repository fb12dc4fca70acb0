"""Personal clicks on their way from the stream: verified, stored once, told of after the commit."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import pytest
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from accounts.models import User
from links import demo, metrics, visits
from links.clicks.drain import drain_once
from links.events import clicks_recorded
from links.models import Click, Link, MarkedClick, VisitOutcome
from links.redirect.click import ClickEvent, decode_batch, encode_batch, new_event_id
from links.redirect.marks import UNREADABLE
from links.tasks import keep_partitions
from monitoring.redis import durable
from tests.links.conftest import (
    CHROME,
    GOOGLEBOT,
    HOUR,
    MakeLink,
    event,
    personal_clicks,
    send,
    token_for,
)

pytestmark = pytest.mark.django_db


def marked(link: Link, token: str, *, ago: timedelta = timedelta(0), **fields: Any) -> ClickEvent:
    """A click of `link` some time ago."""
    made = event(link, mark=f"{token}.", **fields)
    at = datetime.now(UTC) - ago
    made.id = round(at.timestamp() * 1000).to_bytes(6) + new_event_id()[6:]
    return made


def test_the_moment_of_the_click_is_what_expires(make_link: MakeLink) -> None:
    link = make_link()
    token = token_for(link, valid_for=-HOUR)  # it ended an hour ago
    send(
        marked(link, token, ago=timedelta(hours=2)),
        marked(link, token, ago=timedelta(minutes=59)),
    )

    drain_once(durable())

    assert personal_clicks() == [("ada", "counted"), ("ada", "expired")]


def test_each_mark_says_what_became_of_it(
    make_link: MakeLink,
    told: list[list[str]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    assert metrics.personal_clicks() == {(outcome,): 0 for outcome in VisitOutcome.values}
    link, other = make_link(), make_link()
    hers = token_for(link, browser=visits.new_browser())
    good = marked(link, token_for(link, "good"))
    send(
        good,
        marked(link, token_for(other, "other")),
        marked(link, token_for(link, "bot"), agent=GOOGLEBOT),
        marked(link, hers, agent=GOOGLEBOT),
        marked(link, hers),
        marked(link, token_for(link, "late", valid_for=-HOUR), agent=GOOGLEBOT),
        marked(link, UNREADABLE, agent=GOOGLEBOT),
        event(link),
    )

    with django_capture_on_commit_callbacks(execute=True):
        assert drain_once(durable()) == (1, 8, 8)

    assert sorted(personal_clicks()) == [
        ("", "forged"),
        ("ada", "bot"),
        ("ada", "other_browser"),
        ("bot", "bot"),
        ("good", "counted"),
        ("late", "expired"),
        ("other", "other_link"),
    ]
    assert told == [[good.id.hex()]]
    found = {outcome: count for (outcome,), count in metrics.personal_clicks().items()}
    assert found == dict.fromkeys(VisitOutcome.values, 1) | {"bot": 2}


def test_the_same_click_is_stored_and_told_of_once(
    make_link: MakeLink,
    told: list[list[str]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    link = make_link()
    click = marked(link, token_for(link))
    with django_capture_on_commit_callbacks(execute=True):
        send(click)
        send(click)
        drain_once(durable())
        send(click)
        assert drain_once(durable()) == (1, 1, 0)

    assert personal_clicks() == [("ada", "counted")]
    assert told == [[click.id.hex()]]


def test_a_click_whose_day_was_dropped_comes_again_and_is_not_told_of_twice(
    make_link: MakeLink,
    told: list[list[str]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    link = make_link()
    click = marked(link, token_for(link))
    with django_capture_on_commit_callbacks(execute=True):
        send(click)
        drain_once(durable())
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM links_click")
        send(click)
        assert drain_once(durable()) == (1, 1, 1)

    assert personal_clicks() == [("ada", "counted")]
    assert len(told) == 1


def test_nobody_is_told_before_the_commit_nor_without_one(
    make_link: MakeLink,
    told: list[list[str]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    link = make_link()
    send(marked(link, token_for(link)))

    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        with transaction.atomic():
            drain_once(durable())
            assert len(personal_clicks()) == 1
            transaction.set_rollback(True)
        assert personal_clicks() == []
    assert (told, callbacks) == ([], [])


def test_many_are_told_of_in_parts(
    make_link: MakeLink,
    told: list[list[str]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    link = make_link()
    token = token_for(link)
    send(*(marked(link, token) for _ in range(501)))

    with django_capture_on_commit_callbacks(execute=True):
        drain_once(durable())

    assert [len(ids) for ids in told] == [500, 1]
    assert len({each for ids in told for each in ids}) == 501


def test_a_receiver_that_fails_is_logged_and_stops_nobody(
    make_link: MakeLink,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard = []

    def fail(**_: Any) -> None:
        raise RuntimeError("no queue")

    def hear(ids: list[str], **_: Any) -> None:
        heard.append(ids)

    link = make_link()
    send(marked(link, token_for(link)))
    clicks_recorded.connect(fail)
    clicks_recorded.connect(hear)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            assert drain_once(durable()) == (1, 1, 1)
    finally:
        clicks_recorded.disconnect(fail)
        clicks_recorded.disconnect(hear)

    assert len(heard) == 1
    assert "no queue" in caplog.text


def test_clicks_without_marks_cost_no_query(
    make_link: MakeLink, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    send(event(make_link()))

    with (
        django_capture_on_commit_callbacks() as callbacks,
        CaptureQueriesContext(connection) as queries,
    ):
        assert drain_once(durable()) == (1, 1, 1)

    assert len(queries) > 3
    assert not [query for query in queries if "markedclick" in query["sql"]]
    assert not [call for call in callbacks if "clicks_recorded" in repr(call)]


class OldEvent(msgspec.Struct, array_like=True):
    """A click as it was before clicks had marks."""

    id: bytes
    link: int
    agent: Annotated[str, msgspec.Meta(max_length=512)] = ""
    referrer: str = ""
    language: str = ""
    country: str = ""
    visitor: bytes = b""
    rule: str = ""
    variant: str = ""
    private: bool = False


class OldBatch(msgspec.Struct, array_like=True):
    issuer: bytes
    issued: int
    dropped: int
    events: list[OldEvent]
    orphans: dict[str, int] = {}


def test_batches_from_before_are_read_and_those_from_now_by_processes_from_before() -> None:
    old = OldBatch(bytes(16), 1, 0, [OldEvent(new_event_id(), 7, CHROME, private=True)], {"/x": 2})
    read = decode_batch(msgspec.msgpack.encode(old))
    (click,) = read.events
    assert (click.link, click.agent, click.private, click.mark) == (7, CHROME, True, "")
    assert read.orphans == {"/x": 2}

    click.mark = "token."
    assert msgspec.msgpack.decode(encode_batch(read), type=OldBatch) == old


# --- Afterwards -----------------------------------------------------------------------------------


def test_they_are_kept_as_long_as_the_clicks(make_link: MakeLink, settings: Settings) -> None:
    link = make_link()
    token = token_for(link)
    settings.CLICK_RETENTION_DAYS = 365
    send(marked(link, token, ago=timedelta(days=200)), marked(link, token))
    drain_once(durable())
    assert len(personal_clicks()) == 2

    settings.CLICK_RETENTION_DAYS = 90
    keep_partitions()

    assert MarkedClick.objects.count() == Click.objects.count() == 1


def test_they_go_with_the_demo(make_link: MakeLink, alice: User) -> None:
    link, kept = make_link(), make_link()
    User.objects.filter(pk=alice.pk).update(username=demo.USERNAME)
    Link.objects.filter(pk=kept.pk).update(owner=User.objects.create(username="other"))
    send(marked(link, token_for(link)), marked(kept, token_for(kept)))
    drain_once(durable())

    demo.clear()

    assert list(MarkedClick.objects.values_list("link_id", flat=True)) == [kept.pk]


# --- Operators ------------------------------------------------------------------------------------

PAGE = "/admin/links/markedclick/"


def test_operators_see_who_clicked_and_what_became_of_it(
    client: Client, operator: User, make_link: MakeLink
) -> None:
    link = make_link(slug="s")
    operator.user_permissions.set(Permission.objects.filter(codename="view_markedclick"))
    client.force_login(operator)
    nobodys = marked(link, UNREADABLE)
    nobodys.link = 10**12
    send(
        marked(link, token_for(link, "late", valid_for=-HOUR), ago=timedelta(minutes=1)),
        marked(link, token_for(link), ago=timedelta(minutes=2)),
        nobodys,
    )
    drain_once(durable())

    def shown(**query: str) -> list[tuple[str, str]]:
        rows = client.get(PAGE, query).context["cl"].queryset
        return [(row.subject, row.link_name) for row in rows]

    assert shown() == [("", None), ("late", "/s"), ("ada", "/s")]
    assert shown(outcome__exact="counted") == [("ada", "/s")]
    assert shown(q="ada") == [("ada", "/s")]
    row = f"{PAGE}{MarkedClick.objects.get(subject='ada').pk}/"
    assert client.get(f"{row}change/").status_code == 200
    assert client.post(f"{row}delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"{PAGE}add/").status_code == 403
    assert "Personal clicks" in client.get("/admin/").content.decode()


def test_the_list_costs_a_fixed_number_of_queries(
    admin_client: Client, make_link: MakeLink, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    links = [make_link() for _ in range(9)]
    send(*(marked(link, token_for(link)) for link in links))
    drain_once(durable())

    # The session, its person, what waits for review, how many clicks, and the clicks.
    with django_assert_num_queries(5):
        assert admin_client.get(PAGE).status_code == 200
