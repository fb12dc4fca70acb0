"""`/api/links` as its consumers see it: making, finding, changing and removing links."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import create_api_key
from links.models import Link, TargetChange
from tests.links.conftest import MakeLink

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]
TARGET = {"url": "https://example.com/"}


def test_a_link_is_made_with_a_generated_slug(api: Api, alice: User) -> None:
    answer = api(alice).post("/api/links", TARGET)

    assert answer.status_code == 201
    body = answer.json()
    assert len(body["slug"]) == 7
    assert body["shortUrl"] == f"https://rally.test/{body['slug']}"
    assert answer["Location"] == f"/api/links/{body['id']}"
    assert body["clickCount"] == 0


def test_everything_that_can_be_said_of_a_link_comes_back(api: Api, alice: User) -> None:
    client = api(alice)
    campaign = client.post("/api/campaigns", {"name": "Spring"}).json()["id"]
    asked: dict[str, Any] = {
        "url": "https://example.com/a?b=c",
        "slug": "Größe",
        "title": "T",
        "description": "D",
        "tags": ["News", "news", "a"],
        "campaign": campaign,
        "startsAt": "2031-01-01T00:00:00.000Z",
        "expiresAt": "2032-01-01T00:00:00.000Z",
        "expiredUrl": "https://over.example/",
        "maxClicks": 5,
        "maxClicksPerMinute": 6,
        "password": "sesame",
        "redirectStatus": 307,
        "forwardQuery": True,
        "crawlable": True,
        "utm": {"utm_source": "mail"},
        "rules": [{"name": "r", "when": {"country": ["DE"]}, "url": "https://de.example/"}],
        "variants": [{"name": "v", "url": "https://v.example/", "weight": 2}],
    }

    body = client.post("/api/links", asked).json()

    shown = {name: body[name] for name in asked if name not in {"password", "campaign", "tags"}}
    assert shown == {name: asked[name] for name in shown}
    assert body["tags"] == ["news", "a"]
    assert body["campaign"]["name"] == "Spring"
    assert body["hasPassword"] is True
    assert "sesame" not in str(body)


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"url": "javascript:alert(1)"}, 400, "url_scheme", "url"),
        ({"url": "https://a@example.com"}, 400, "url_credentials", "url"),
        ({"url": "https://rally.test/x"}, 400, "url_own_domain", "url"),
        ({"url": "//evil.example"}, 400, "url_scheme", "url"),
        ({"url": "https://example.com/\r\nA: b"}, 400, "url_characters", "url"),
        ({"expiredUrl": "javascript:x"}, 400, "url_scheme", "expiredUrl"),
        ({"slug": "a b"}, 400, "slug_characters", "slug"),
        ({"slug": "Admin"}, 400, "slug_reserved", "slug"),
        ({"slug": "x" * 129}, 400, "validation_error", "slug"),
        ({"url": "https://example.com/" + "x" * 100_000}, 400, "validation_error", "url"),
        ({"utm": {"utm_x": "y"}}, 400, "utm_unknown", "utm.utm_x"),
        ({"rules": [{"name": "r", "when": {"os": "iOS"}, "url": "https://x.example"}]},
         400, "rules_invalid", "rules.0.when.os"),
        ({"rules": [{"name": "r", "when": {"moon": ["full"]}, "url": "https://x.example"}]},
         400, "rules_invalid", "rules.0.when"),
        ({"rules": [{"name": "r", "when": {"country": ["ZZZ"]}, "url": "https://x.example"}]},
         400, "rules_invalid", "rules.0.when.country.0"),
        ({"rules": [{"name": "r", "when": {"language": ["!!"]}, "url": "https://x.example"}]},
         400, "rules_invalid", "rules.0.when.language.0"),
        ({"rules": [{"name": "r", "url": "https://x.example", "when": {
            "startsAt": "2031-01-02T00:00:00Z", "endsAt": "2031-01-01T00:00:00Z"}}]},
         400, "window_empty", "rules.0.when.endsAt"),
        ({"rules": [{"name": "r", "when": {}, "url": "javascript:x"}]},
         400, "url_scheme", "rules.0.url"),
        ({"rules": {}}, 400, "validation_error", "rules"),
        ({"variants": [{"name": "v", "url": "https://v.example", "weight": 0}]},
         400, "variants_invalid", "variants.0.weight"),
        ({"startsAt": "2032-01-01T00:00:00Z", "expiresAt": "2031-01-01T00:00:00Z"},
         400, "window_empty", "expiresAt"),
        ({"maxClicks": 0}, 400, "validation_error", "maxClicks"),
        ({"redirectStatus": 200}, 400, "validation_error", "redirectStatus"),
        ({"domain": "foreign.example"}, 400, "validation_error", "domain"),
        ({"colour": "red"}, 400, "validation_error", "colour"),
        ({"campaign": "00000000-0000-4000-8000-000000000000"},
         400, "campaign_not_found", "campaign"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_code_and_field(
    api: Api, alice: User, change: dict[str, Any], status: int, code: str, field: str
) -> None:
    answer = api(alice).post("/api/links", {**TARGET, **change})

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == field
    assert not Link.objects.exists()


@pytest.mark.parametrize("slug", ["summer", "SUMMER"])
def test_a_slug_is_given_out_once(api: Api, alice: User, bob: User, slug: str) -> None:
    assert api(alice).post("/api/links", {**TARGET, "slug": "Summer"}).status_code == 201

    answer = api(bob).post("/api/links", {**TARGET, "slug": slug})

    assert (answer.status_code, answer.json()["code"]) == (409, "slug_taken")


def test_a_deleted_slug_is_never_given_out_again(
    api: Api, alice: User, bob: User, make_link: MakeLink
) -> None:
    link = make_link(slug="Summer")

    assert api(alice).delete(f"/api/links/{link.public_id}").status_code == 204

    assert api(alice).get(f"/api/links/{link.public_id}").status_code == 404
    answer = api(bob).post("/api/links", {**TARGET, "slug": "summer"})
    assert (answer.status_code, answer.json()["code"]) == (409, "slug_retired")


def test_an_equal_link_is_found_when_asked_for(api: Api, alice: User, bob: User) -> None:
    first = api(alice).post("/api/links?findIfExists=true", TARGET)
    again = api(alice).post("/api/links?findIfExists=true", {"url": "https://EXAMPLE.com"})
    others = api(bob).post("/api/links?findIfExists=true", TARGET)

    assert (first.status_code, again.status_code, others.status_code) == (201, 200, 201)
    assert first.json()["id"] == again.json()["id"] != others.json()["id"]


def test_a_repeated_request_with_its_key_makes_one_link(api: Api, alice: User) -> None:
    client = api(alice)
    headers = {"HTTP_IDEMPOTENCY_KEY": "one"}

    first = client.post("/api/links", TARGET, **headers)
    again = client.post("/api/links", TARGET, **headers)
    other = client.post("/api/links", {"url": "https://other.example/"}, **headers)

    assert first.json() == again.json()
    assert again["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert Link.objects.count() == 1


def test_a_change_keeps_what_it_does_not_name_and_the_targets_history(
    api: Api, alice: User, make_link: MakeLink
) -> None:
    link = make_link(slug="s", title="Old", tags=["a"])
    client = api(alice)

    changed = client.patch(f"/api/links/{link.public_id}", {"url": "https://new.example"}).json()
    client.patch(f"/api/links/{link.public_id}", {"title": "New"})

    assert (changed["url"], changed["title"], changed["tags"]) == (
        "https://new.example/", "Old", ["a"],
    )  # fmt: skip
    history = client.get(f"/api/links/{link.public_id}/history").json()["results"]
    assert [row["url"] for row in history] == ["https://new.example/", "https://example.com/"]
    assert history[0]["changedBy"] == "alice"
    with pytest.raises(TypeError):
        TargetChange.objects.get(url="https://new.example/").save()


def test_slug_and_domain_do_not_change(api: Api, alice: User, make_link: MakeLink) -> None:
    link = make_link(slug="s")

    answer = api(alice).patch(f"/api/links/{link.public_id}", {"slug": "t"})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "slug")


def test_a_password_and_a_limit_can_be_taken_away(
    api: Api, alice: User, make_link: MakeLink
) -> None:
    link = make_link(password="sesame", max_clicks=5)

    body = api(alice).patch(f"/api/links/{link.public_id}", {"password": "", "maxClicks": None})

    assert (body.json()["hasPassword"], body.json()["maxClicks"]) == (False, None)


@pytest.mark.parametrize("path", ["", "/stats", "/clicks", "/history", "/qr.svg", "/qr.png"])
def test_somebody_elses_link_is_not_there(
    api: Api, bob: User, make_link: MakeLink, path: str
) -> None:
    address = f"/api/links/{make_link().public_id}"

    assert api(bob).get(address + path).status_code == 404
    assert api(bob).patch(address, {"title": "x"}).status_code == 404
    assert api(bob).delete(address).status_code == 404
    assert api(bob).post(f"{address}/explain", {}).status_code == 404
    assert api().get(address + path).status_code == 401


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("search=summer", {"a"}),
        ("search=summ%20sal", {"a"}),
        ("search=museum", {"b"}),
        ("search=winter", set()),
        ("search=%27%26%7C%21%28", set()),
        ("search=%20", {"a", "b"}),
        ("tag=News", {"b"}),
    ],
)
def test_links_are_found_by_words_and_tags(
    api: Api, alice: User, make_link: MakeLink, query: str, found: set[str]
) -> None:
    make_link(slug="a", title="Summer sale")
    make_link(slug="b", url="https://museum.example/art", tags=["news"])

    results = api(alice).get(f"/api/links?{query}").json()["results"]

    assert {link["slug"] for link in results} == found


@pytest.mark.parametrize("search", ["summer-2026", "2026", "mer-20"])
def test_a_slug_is_found_by_any_part_of_it(
    api: Api, alice: User, make_link: MakeLink, search: str
) -> None:
    make_link(slug="summer-2026")

    assert len(api(alice).get(f"/api/links?search={search}").json()["results"]) == 1


def test_a_long_list_comes_in_pages_without_gap_or_repetition(
    api: Api, alice: User, make_link: MakeLink
) -> None:
    slugs = {make_link().slug for _ in range(7)}
    client, seen, page = api(alice), [], "/api/links?limit=3&sort=-clickCount"

    while page:
        body = client.get(page).json()
        seen += [link["slug"] for link in body["results"]]
        page = body["next"]

    assert len(seen) == 7
    assert set(seen) == slugs


def test_a_list_costs_the_same_however_long_it_is(
    api: Api, alice: User, make_link: MakeLink, django_assert_num_queries: Any
) -> None:
    campaign = api(alice).post("/api/campaigns", {"name": "c"}).json()["id"]
    client = api(alice)
    for _ in range(5):
        client.post("/api/links", {**TARGET, "campaign": campaign})

    with django_assert_num_queries(3):  # session, user, links with their campaigns
        assert len(client.get("/api/links").json()["results"]) == 5


@pytest.mark.parametrize(
    "query",
    ["sort=url", "foo=bar", "limit=0", "limit=x", "limit=1000", "cursor=x", "search=%00",
     "campaign=7", "tag=" + "x" * 51],
)  # fmt: skip
def test_an_odd_question_is_400(api: Api, alice: User, query: str) -> None:
    answer = api(alice).get(f"/api/links?{query}")

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [
        b'{"url": "https://example.com/\\u0000"}',
        b'{"url": "https://example.com/\\ud800"}',
        b'{"url": "https://example.com/", "rules": ["\\u0000"]}',
        b"[" * 100_000,
        b'{"url":' * 100_000,
        b"\xff",
        b"[]",
        b"null",
        b'{"url": NaN}',
        b'{"url": {"a": 1}}',
        b'{"url": "https://example.com/", "maxClicks": 1e400}',
        b'{"url": "https://example.com/", "maxClicks": 99999999999999999999}',
    ],
)
def test_no_body_however_odd_is_more_than_a_400(api: Api, alice: User, body: bytes) -> None:
    answer = api(alice).generic("POST", "/api/links", body, content_type="application/json")

    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"


def test_bulk_makes_what_it_can_and_tells_of_the_rest(api: Api, alice: User) -> None:
    rows = [TARGET, {"url": "javascript:x"}, "no object", {**TARGET, "slug": "mine"}]

    body = api(alice).post("/api/links/bulk", {"links": rows}).json()

    assert (body["created"], body["failed"]) == (2, 2)
    assert body["results"][1]["problem"]["code"] == "url_scheme"
    assert body["results"][3]["link"]["slug"] == "mine"


def test_bulk_makes_all_or_nothing_when_asked_to(api: Api, alice: User) -> None:
    rows = [TARGET, {"url": "javascript:x"}]

    body = api(alice).post("/api/links/bulk", {"links": rows, "mode": "all"}).json()

    assert (body["created"], Link.objects.count()) == (0, 0)
    assert body["results"][0]["problem"]["code"] == "not_made"


def test_bulk_is_bounded(api: Api, alice: User) -> None:
    assert api(alice).post("/api/links/bulk", {"links": [TARGET] * 1001}).status_code == 400


def test_a_key_reads_and_writes_only_what_its_scopes_say(api: Api, alice: User) -> None:
    _, secret = create_api_key(user=alice, name="reader", scopes=["links:read"], expires_at=None)
    client = api()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")

    assert client.get("/api/links").status_code == 200
    answer = client.post("/api/links", TARGET)
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


def test_explain_tells_where_a_visitor_would_be_sent_and_counts_nothing(
    api: Api, alice: User, make_link: MakeLink
) -> None:
    rule = {"name": "de", "when": {"country": ["DE"]}, "url": "https://de.example/"}
    link = make_link(rules=[rule], max_clicks=1, password="sesame")
    address = f"/api/links/{link.public_id}/explain"

    for _ in range(3):
        german = api(alice).post(address, {"country": "de"}).json()
    french = api(alice).post(address, {"country": "FR"}).json()

    assert (german["outcome"], german["url"], german["rule"]) == (
        "redirect", "https://de.example/", "de",
    )  # fmt: skip
    assert french["url"] == "https://example.com/"
    assert {"check": "rule de", "result": "country does not match"} in french["trace"]


def test_a_campaign_groups_links_and_leaves_them_when_it_goes(api: Api, alice: User) -> None:
    client = api(alice)
    campaign = client.post("/api/campaigns", {"name": "Spring"}).json()
    link = client.post("/api/links", {**TARGET, "campaign": campaign["id"]}).json()

    assert client.post("/api/campaigns", {"name": "SPRING"}).json()["code"] == "campaign_exists"
    grouped = client.get(f"/api/links?campaign={campaign['id']}").json()["results"]
    assert [found["id"] for found in grouped] == [link["id"]]
    assert client.delete(f"/api/campaigns/{campaign['id']}").status_code == 204
    assert client.get(f"/api/links/{link['id']}").json()["campaign"] is None


def test_links_go_out_as_csv_and_come_back(api: Api, alice: User, make_link: MakeLink) -> None:
    make_link(slug="a", title="=HYPERLINK()", tags=["x"])
    client = api(alice)
    exported = b"".join(client.get("/api/links/export.csv").streaming_content)

    answer = client.generic(
        "POST", "/api/links/import?dryRun=true", exported, content_type="text/csv"
    )

    assert answer.status_code == 200, answer.content
    assert answer.json()["counts"]["unchanged"] == 1


@pytest.mark.parametrize(
    ("kind", "content_type", "start"),
    [("svg", "image/svg+xml", b"<?xml"), ("png", "image/png", b"\x89PNG")],
)
def test_a_link_has_a_qr_code(
    api: Api, alice: User, make_link: MakeLink, kind: str, content_type: str, start: bytes
) -> None:
    answer = api(alice).get(f"/api/links/{make_link().public_id}/qr.{kind}")

    assert (answer.status_code, answer["Content-Type"]) == (200, content_type)
    assert answer.content.startswith(start)
