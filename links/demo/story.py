"""What the demo's links are, and how people come to them."""

from typing import Any, NamedTuple


class Story(NamedTuple):
    """A link, and how many clicks a day it gets when it is young."""

    fields: dict[str, Any]
    clicks: int
    countries: str
    referrers: tuple[str, ...]


STORIES = (
    Story(
        {
            "slug": "handbook",
            "url": "https://docs.python.org/3/",
            "title": "Community handbook",
            "tags": ["docs"],
        },
        60,
        "US US US GB DE IN IN BR JP",
        ("", "", "https://www.google.com/", "https://github.com/"),
    ),
    Story(
        {
            "slug": "spring-meetup",
            "url": "https://www.djangoproject.com/",
            "title": "Spring meetup: sign up",
            "tags": ["event", "newsletter"],
            "utm": {"utm_source": "newsletter", "utm_campaign": "spring"},
            "variants": [
                {"name": "short page", "url": "https://www.djangoproject.com/start/", "weight": 1},
                {"name": "long page", "url": "https://www.djangoproject.com/", "weight": 1},
            ],
        },
        90,
        "DE DE DE AT CH FR NL US",
        ("", "https://mastodon.social/@us", "https://news.ycombinator.com/"),
    ),
    Story(
        {
            "slug": "get-the-app",
            "url": "https://example.com/app",
            "title": "Get the app",
            "tags": ["app"],
            "rules": [
                {"name": "iPhone", "when": {"os": ["iOS"]}, "url": "https://example.com/ios"},
                {"name": "Android", "when": {"os": ["Android"]}, "url": "https://example.com/apk"},
            ],
        },
        40,
        "US BR BR MX ID NG PH IN",
        ("https://www.instagram.com/", "https://www.tiktok.com/", ""),
    ),
    Story(
        {
            "slug": "open-stage",
            "url": "https://example.com/stage?day=thursday",
            "title": "Open stage on Thursdays",
            "tags": ["event"],
            "utm": {"utm_source": "poster", "utm_medium": "qr"},
        },
        25,
        "DE DE AT GB FR PL ES",
        ("", "", "", "https://www.meetup.com/"),
    ),
    Story(
        {
            "slug": "source",
            "url": "https://github.com/django/django",
            "title": "The source",
            "tags": ["docs", "makers"],
        },
        30,
        "US DE IN IN CN BR GB CA",
        ("https://github.com/", "https://news.ycombinator.com/", ""),
    ),
    Story(
        {
            "slug": "newsletter-12",
            "url": "https://example.com/newsletter/12",
            "title": "Newsletter 12: what we made in autumn",
            "tags": ["newsletter"],
            "utm": {"utm_source": "newsletter", "utm_campaign": "autumn"},
        },
        20,
        "US GB DE FR IN AU",
        ("https://mail.google.com/", "https://outlook.live.com/", "", ""),
    ),
    Story(
        {
            "slug": "feedback",
            "url": "https://example.com/feedback",
            "title": "Tell us what is missing",
            "tags": ["app"],
        },
        12,
        "US DE BR IN GB",
        ("", "https://www.instagram.com/"),
    ),
)
AGENTS = (
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/140.0.0.0 Safari/537.36"
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.5 Safari/605.1.15"
    ),
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
        "Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
    ),
    (
        "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/140.0.0.0 Mobile Safari/537.36"
    ),
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
)
AGENT_WEIGHTS = (30, 14, 9, 24, 20, 3)
LANGUAGES = ("en-US,en;q=0.9", "de-DE,de;q=0.9", "fr;q=0.8", "pt-BR", "es")
# Share of a day's clicks by hour of UTC: quiet at night, two peaks.
HOURS = (1, 1, 1, 1, 1, 2, 3, 5, 8, 9, 8, 7, 8, 9, 9, 8, 7, 7, 8, 9, 7, 5, 3, 2)
