"""Short addresses, too, tell browsers to be careful."""

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
