"""The pages of developers: whole, the same for everybody, and made of what they describe."""

from html import unescape

import pytest
from django.test import Client

from config.asgi import _careful
from monitoring.developers.examples import folder
from realtime.socket import session
from realtime.socket.closing import MEANINGS
from realtime.socket.reference import reference
from tests.monitoring.test_security_headers import headers_of


def test_the_overview_holds_every_example_as_it_is(client: Client) -> None:
    page = client.get("/developers")
    said = unescape(page.content.decode())

    files = [file for file in folder().iterdir() if file.is_file()]
    assert len(files) > 10
    for file in files:
        assert file.read_text() in said, file.name
    assert "/embed/leaderboard?limit=10" in said


@pytest.mark.parametrize("path", ["/developers", "/developers/realtime"])
def test_they_are_the_same_for_everybody_and_load_nothing_from_elsewhere(
    client: Client, path: str
) -> None:
    page = client.get(path)
    said = page.content.decode()

    assert page["Cache-Control"] == "public, max-age=300"
    assert not page.cookies
    assert 'src="http' not in said
    assert "<style" not in said
    assert " style=" not in said


async def test_they_may_be_framed_by_nobody() -> None:
    assert (await headers_of(_careful, "/developers"))["x-frame-options"] == "DENY"


def test_the_reference_shows_every_event_with_its_fields(client: Client) -> None:
    page = client.get("/developers/realtime").content.decode()
    said = unescape(page)
    found = reference("1.2.3")

    for event in (*found.heard, *found.said):
        assert f'id="{event.anchor}"' in said
        assert event.example in said
        assert all(field.name in said for field in event.fields)
    assert "From <code>seq</code> on she hears" in page
    assert "&lt;code&gt;" not in page
    joined = next(event for event in found.said if event.name == "room:joined")
    names = {field.name: field.form for field in joined.fields}
    assert names["presence.people[].status"] == '"away" or "busy" or "online"'
    assert names["messages[].at"] == "time"
    assert {"join:room", "message:send"} <= {event.name for event in found.heard}


def test_the_reference_explains_every_code_that_the_socket_closes_with() -> None:
    ours = {
        value
        for name, value in vars(session).items()
        if name.isupper() and isinstance(value, int) and 1000 <= value < 5000 and value != 4096
    }
    assert {code for code, _, _ in MEANINGS} >= {code for code in ours if code in range(4400, 4500)}
