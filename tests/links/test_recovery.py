"""What Redis keeps of links, once the database is an older one."""

import asyncio

from asgiref.sync import sync_to_async
from django.db import connection

from accounts.models import User
from links.clicks.drain import drain_once
from links.clicks.reconciliation import reconcile
from links.models import Link
from links.recovery import catch_up
from links.services import create_link, update_link
from monitoring.redis import durable
from tests.links.conftest import Door, MakeLink, event, send

make = sync_to_async
OLD, NEW = "https://old.example/", "https://new.example/"


async def test_a_link_leads_again_where_it_led_when_the_backup_was_made(
    door: Door, make_link: MakeLink, alice: User
) -> None:
    link = await make(make_link)(slug="s", url=OLD)
    for url in ("https://between.example/", NEW):
        await make(update_link)(link=link, changed_by=alice, url=url)
    assert (await door.get("/s")).location == NEW
    # As a restore does it: an earlier version of the row, and nobody is told.
    await make(Link.objects.filter(pk=link.pk).update)(url=OLD, version=1)
    assert (await door.get("/s")).location == NEW

    assert "1 targets" in await make(catch_up)()

    async with asyncio.timeout(5):
        while (await door.get("/s")).location != OLD:  # noqa: ASYNC110 - the news has no event
            await asyncio.sleep(0.01)


def test_clicks_that_wait_are_never_those_of_a_link_made_later(
    alice: User, make_link: MakeLink
) -> None:
    """They are of a link that the backup did not have yet, and its number would be given again."""
    lost = make_link()
    send(event(lost), event(lost))
    number = lost.pk
    lost.delete()
    _restart_numbers_at(number)

    catch_up()

    link = create_link(owner=alice, url=NEW)
    drain_once(durable())
    link.refresh_from_db()
    assert link.pk > number
    assert link.click_count == 0
    assert reconcile().is_clean


def test_numbers_never_go_back(alice: User, make_link: MakeLink) -> None:
    first = make_link()
    send(event(first))
    last = make_link()
    number = last.pk
    last.delete()
    catch_up()
    assert make_link().pk > number


def _restart_numbers_at(number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER SEQUENCE links_link_id_seq RESTART WITH {number}")
