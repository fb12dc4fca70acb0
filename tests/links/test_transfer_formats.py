"""What is read from the export files of others."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import Settings

from links.transfer import ImportRow, read_rows

BITLY = """\
Link,Custom Link,Destination URL,Title,Tags,Date created,Engagements\r
https://bit.ly/3xYz9,https://bit.ly/spring,https://a.test/spring,Spring sale,"news, shop",2024,12\r
bit.ly/4aBcD,,https://example.com/plain,,,2024-01-02,0\r
"""
BITLY_OLD = """\
Bitlink;Long URL;Title;Tags;Created
bit.ly/3xYz9;https://example.com/spring;Spring;news|shop;2019-01-01
"""
BITLY_API = {
    "links": [
        {
            "id": "bit.ly/3xYz9",
            "link": "https://bit.ly/3xYz9",
            "custom_bitlinks": ["https://bit.ly/spring", "https://bit.ly/lente"],
            "long_url": "https://example.com/spring",
            "title": None,
            "tags": ["news", "shop"],
        }
    ]
}
YOURLS = """\
"keyword","url","title","timestamp","ip","clicks"
"spring","https://example.com/spring","Spring; ""lente"" too","2020-01-01 00:00:00","192.0.2.1","42"
"""
YOURLS_PLUGIN = "source,target,hits\r\n/spring/,https://example.com/spring,42\r\n"
YOURLS_API = {
    "links": {
        "link_1": {
            "shorturl": "https://sho.rt/spring",
            "url": "https://example.com/spring",
            "title": "Spring",
            "clicks": "42",
        }
    },
    "stats": {"total_links": "1"},
}
KUTT = {
    "total": 2,
    "data": [
        {
            "id": "6f1a1c30-51f0-4d3e-8a5f-0f5a4c1b2d3e",
            "address": "spring",
            "target": "https://example.com/spring",
            "description": "Spring sale",
            "expire_in": "2031-01-02T03:04:05.000Z",
            "password": False,
            "banned": False,
            "domain": None,
            "visit_count": 4,
        },
        {
            "address": "secret",
            "target": "https://example.com/secret",
            "password": True,
            "banned": False,
            "domain": "go.acme.test",
        },
    ],
}
KUTT_TABLE = """\
id,address,description,banned,password,expire_in,target,visit_count
1,spring,,f,,,https://example.com/spring,4
2,bad,,t,,,https://example.com/bad,4
3,secret,,f,$2a$12$abc,,https://example.com/secret,4
"""
SHLINK = """\
createdAt,domain,shortCode,shortUrl,longUrl,title,tags,visits
2025-10-09T05:26:23+00:00,s.test,spring,https://s.test/spring,https://example.com/spring,Spring,news|shop,4
"""
SHLINK_IMPORT = """\
Long URL;tags;Domain;Short code;Title
https://example.com/spring;news|shop;;spring;Spring
"""
SHLINK_API = {
    "shortUrls": {
        "data": [
            {
                "shortCode": "spring",
                "longUrl": "https://example.com/spring",
                "title": "Spring",
                "tags": ["news", "shop"],
                "domain": None,
                "crawlable": True,
                "forwardQuery": True,
                "meta": {"validSince": "2030-01-01T00:00:00+01:00", "maxVisits": 100},
            }
        ],
        "pagination": {"currentPage": 1},
    }
}


def read(name: str, content: Any) -> list[ImportRow]:
    text = content if isinstance(content, str) else json.dumps(content)
    return read_rows(name, text.encode())


def read_one(name: str, content: Any) -> ImportRow:
    (row,) = read(name, content)
    return row


@pytest.mark.parametrize(
    ("name", "content", "fields"),
    [
        ("bitly", BITLY_OLD, {"title": "Spring", "tags": ["news", "shop"]}),
        ("bitly", BITLY_API, {"tags": ["news", "shop"]}),
        ("yourls", YOURLS, {"title": 'Spring; "lente" too'}),
        ("yourls", YOURLS_PLUGIN, {}),
        ("yourls", YOURLS_API, {"title": "Spring"}),
        ("shlink", SHLINK, {"title": "Spring", "tags": ["news", "shop"]}),
        ("shlink", SHLINK_IMPORT, {"title": "Spring", "tags": ["news", "shop"]}),
        (
            "shlink",
            SHLINK_API,
            {
                "title": "Spring",
                "tags": ["news", "shop"],
                "crawlable": True,
                "forward_query": True,
                "starts_at": datetime(2029, 12, 31, 23, tzinfo=UTC),
                "max_clicks": 100,
            },
        ),
    ],
)
def test_an_export_says_what_it_says_and_nothing_more(
    name: str, content: Any, fields: dict[str, Any]
) -> None:
    row = read_one(name, content)
    assert row.slug == ("3xYz9" if content is BITLY_OLD else "spring")
    assert row.url == "https://example.com/spring"
    assert row.domain == ""
    assert row.campaign is None
    assert row.fields == fields
    assert row.reasons == ()


def test_a_chosen_name_at_bitly_comes_before_the_one_it_made_up() -> None:
    chosen, made_up = read("bitly", BITLY)
    assert (chosen.slug, chosen.line) == ("spring", 2)
    assert chosen.fields["tags"] == ["news", " shop"]
    assert (made_up.slug, made_up.line) == ("4aBcD", 3)
    assert made_up.fields == {}


def test_kutt_brings_an_end_and_tells_of_passwords() -> None:
    spring, secret = read("kutt", KUTT)
    assert spring.fields == {
        "description": "Spring sale",
        "expires_at": datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC),
    }
    assert not spring.has_password
    assert secret.has_password


def test_a_link_that_kutt_had_banned_is_not_taken_over() -> None:
    spring, bad, secret = read("kutt", KUTT_TABLE)
    assert spring.reasons == ()
    assert not spring.has_password
    assert [reason.code for reason in bad.reasons] == ["banned_at_source"]
    assert secret.has_password


def test_a_domain_that_is_served_here_keeps_its_links(settings: Settings) -> None:
    settings.LINK_DOMAINS = ["go.acme.test", "s.test", "bit.acme.test"]
    assert [row.domain for row in read("kutt", KUTT)] == ["", "go.acme.test"]
    assert read_one("shlink", SHLINK).domain == "s.test"
    branded = "Link,Long URL\nhttps://BIT.acme.test/x,https://example.com/\n"
    assert read_one("bitly", branded).domain == "bit.acme.test"


def test_json_may_begin_with_a_byte_order_mark() -> None:
    assert read("kutt", "\ufeff" + json.dumps(KUTT)) == read("kutt", KUTT)


def test_a_title_that_is_too_long_is_cut() -> None:
    row = read_one("yourls", f"keyword,url,title\nx,https://example.com/,{'long ' * 100}\n")
    assert len(row.fields["title"]) == 300


def test_a_row_of_a_stranger_needs_a_slug() -> None:
    row = read_one("yourls", "keyword,url\n,https://example.com/\n")
    assert [reason.code for reason in row.reasons] == ["slug_missing"]
