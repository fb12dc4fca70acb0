"""What is stored of a target's own words, and when not."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks
from structlog.testing import capture_logs

from accounts.models import User
from links import services
from links.metadata import Metadata, MetadataError
from links.metadata.service import refresh_metadata, store_metadata
from links.models import Link
from links.redirect.directory import cache_key
from monitoring.redis import durable

pytestmark = pytest.mark.django_db
URL = "https://example.com/spring?token=secret"
FOUND = Metadata("Spring", "All about it", "https://example.com/i.png")


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Callable[[Metadata | MetadataError], list[str]]:
    """`page(FOUND)` is what any target says; the list fills with the targets that were asked."""

    def says(words: Metadata | MetadataError) -> list[str]:
        asked: list[str] = []

        def fetch(url: str, **_: Any) -> Metadata:
            asked.append(url)
            if isinstance(words, MetadataError):
                raise words
            return words

        monkeypatch.setattr("links.metadata.service.fetch_metadata", fetch)
        return asked

    return says


def stored(link: Link) -> tuple[str, str, str, int]:
    link.refresh_from_db()
    return link.title, link.description, link.favicon_url, link.version


def test_what_the_owner_left_empty_is_filled(alice: User, page: Any) -> None:
    asked = page(FOUND)
    link = services.create_link(owner=alice, url=URL)
    before = link.updated_at
    assert refresh_metadata(link.pk)
    assert stored(link) == (*FOUND, 2)
    assert link.updated_at > before
    assert asked == [URL]


def test_what_the_owner_wrote_stays(alice: User, page: Any) -> None:
    page(FOUND)
    link = services.create_link(owner=alice, url=URL, title="Mine")
    assert refresh_metadata(link.pk)
    assert stored(link) == ("Mine", FOUND.description, FOUND.favicon_url, 2)


def test_a_link_that_lacks_nothing_asks_nobody(alice: User, page: Any) -> None:
    page(FOUND)
    link = services.create_link(owner=alice, url=URL)
    assert refresh_metadata(link.pk)
    asked = page(FOUND)
    assert not refresh_metadata(link.pk)
    assert asked == []


def test_a_page_that_says_nothing_new_changes_nothing(alice: User, page: Any) -> None:
    link = services.create_link(owner=alice, url=URL, title="Mine")
    page(Metadata("Spring", "", ""))
    assert not refresh_metadata(link.pk)
    page(Metadata())
    assert not refresh_metadata(link.pk)
    assert stored(link) == ("Mine", "", "", 1)


def test_what_cannot_be_had_is_logged_without_the_address(alice: User, page: Any) -> None:
    page(MetadataError("timeout"))
    link = services.create_link(owner=alice, url=URL)
    with capture_logs() as logs:
        assert not refresh_metadata(link.pk)
    assert [entry["code"] for entry in logs] == ["timeout"]
    assert "secret" not in str(logs)
    assert stored(link) == ("", "", "", 1)


def test_a_link_that_is_gone_asks_nobody(alice: User, page: Any) -> None:
    asked = page(FOUND)
    link = services.create_link(owner=alice, url=URL)
    services.delete_link(link=link)
    assert not refresh_metadata(link.pk)
    assert not refresh_metadata(link.pk + 1_000)
    assert asked == []


def test_words_of_a_target_that_has_changed_meanwhile_are_not_stored(alice: User) -> None:
    link = services.create_link(owner=alice, url=URL)
    services.update_link(link=link, changed_by=alice, url="https://example.com/autumn")
    assert not store_metadata(link_id=link.pk, url=URL, metadata=FOUND)
    assert stored(link) == ("", "", "", 2)


def test_an_owner_who_is_typing_at_this_moment_wins(alice: User) -> None:
    link = services.create_link(owner=alice, url=URL)
    services.update_link(link=link, changed_by=alice, title="Mine")
    assert store_metadata(link_id=link.pk, url=URL, metadata=FOUND)
    assert stored(link) == ("Mine", FOUND.description, FOUND.favicon_url, 3)


def test_redirects_and_previews_hear_of_it(
    alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    link = services.create_link(owner=alice, slug="spring", url=URL)
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        store_metadata(link_id=link.pk, url=URL, metadata=FOUND)
    assert len(callbacks) == 1
    assert durable().hget(cache_key(("", "spring")), "v") == b"2"


def test_nobody_hears_of_nothing(
    alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    link = services.create_link(owner=alice, url=URL)
    with django_capture_on_commit_callbacks() as callbacks:
        store_metadata(link_id=link.pk, url=URL, metadata=Metadata())
    assert callbacks == []


def test_storing_costs_two_queries(
    alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    link = services.create_link(owner=alice, url=URL)
    with django_assert_num_queries(4):  # two of them are the savepoint of the transaction
        store_metadata(link_id=link.pk, url=URL, metadata=FOUND)
