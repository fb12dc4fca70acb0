"""Short addresses, too, tell browsers to be careful."""

import pytest
from asgiref.sync import sync_to_async

from tests.links.conftest import Door, MakeLink


async def test_every_answer_of_the_redirect_has_them(door: Door, make_link: MakeLink) -> None:
    plain = await sync_to_async(make_link)()
    locked = await sync_to_async(make_link)(password="open sesame")
    limited = await sync_to_async(make_link)(max_clicks=5)
    for path, status in (
        (f"/{plain.slug}", 302),
        (f"/{plain.slug}", 302),  # the short road, from memory
        (f"/{limited.slug}", 302),
        (f"/{plain.slug}+", 200),
        (f"/{locked.slug}", 401),
        ("/unknown-one", 404),
    ):
        answer = await door.get(path)
        assert answer.status == status
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert ("permissions-policy" in answer.headers) == (status >= 400 or status == 200)
        assert "cross-origin-resource-policy" not in answer.headers or status != 302


@pytest.mark.parametrize("end", ["%0d%0a", "%0a", "%0d", "%E5%98%8A%E5%98%8D", "%250d%250a", "%00"])
async def test_nothing_that_a_visitor_says_becomes_a_header(
    door: Door, make_link: MakeLink, end: str
) -> None:
    await sync_to_async(make_link)(slug="s", forward_query=True)
    said = f"{end}Set-Cookie:%20planted=1{end}{end}<script>"
    for path in (f"/s?a={said}", f"/s?{said}=1", f"/s{said}", f"/{said}"):
        answer = await door.get(path)
        assert "set-cookie" not in answer.headers
        assert not [value for value in answer.headers.values() if "\r" in value or "\n" in value]


@pytest.mark.parametrize("claimed", ["evil.example", "go.example@evil.example", "evil.example:80"])
async def test_no_name_that_a_visitor_claims_stands_in_an_answer(
    door: Door, make_link: MakeLink, claimed: str
) -> None:
    await sync_to_async(make_link)(slug="s")
    headers = {"host": claimed, "x_forwarded_host": claimed, "x_forwarded_proto": "gopher"}
    for path in ("/s", "/s+", "/nowhere"):
        answer = await door.get(path, accept="text/html", **headers)
        assert "evil" not in str(answer.headers) + answer.body.decode()
