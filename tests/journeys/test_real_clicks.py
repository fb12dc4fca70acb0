"""1,200 real clicks over HTTP: every figure that comes out equals what the file itself says."""

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from links.agents import parse_agent
from tests.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")

FILE = Path(__file__).parent.parent / "data" / "clicks_sample.jsonl"
CLICKS = [json.loads(line) for line in FILE.read_text().splitlines()]


@cache
def _reader(stack: Stack) -> requests.Session:
    """A caller of this journey alone: what other tests click is not hers."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {stack.key_of('reader')}"
    return session


@pytest.fixture(scope="module")
def link_ids(stack: Stack) -> dict[str, str]:
    """The file's links imported and its clicks replayed, by slug."""
    targets = {click["g"]: click["u"] for click in CLICKS}
    rows = [{"slug": slug, "url": url} for slug, url in targets.items()]
    answer = _reader(stack).post(f"{stack.url}/api/links/bulk", json={"links": rows, "mode": "all"})
    assert answer.json()["created"] == len(targets), answer.text[:2000]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda click: _replay(stack, click), CLICKS)) == {302}
    stack.drain()
    return {row["link"]["slug"]: row["link"]["id"] for row in answer.json()["results"]}


def _replay(stack: Stack, click: dict[str, Any]) -> int:
    headers = {"User-Agent": click["a"].encode()}
    if click["r"] != "direct":
        headers["Referer"] = click["r"].encode()
    if click.get("al"):
        headers["Accept-Language"] = click["al"]
    if click["c"]:
        headers["CF-IPCountry"] = click["c"]
    return stack.click(click["g"], **headers).status_code


def _referrer(click: dict[str, Any]) -> str:
    return (
        "" if click["r"] == "direct" else (urlsplit(click["r"]).hostname or "").removeprefix("www.")
    )


def _language(click: dict[str, Any]) -> str:
    """The file's headers name the preferred language first; its part before the hyphen counts."""
    match = re.match(r"\s*([A-Za-z]{1,8})", click.get("al") or "")
    return match[1].lower() if match else ""


EXPECTED = {
    "country": lambda click: click["c"] or "",
    "referrer": _referrer,
    "language": _language,
    "browser": lambda click: parse_agent(click["a"]).browser,
    "os": lambda click: parse_agent(click["a"]).os,
    "device": lambda click: parse_agent(click["a"]).device,
}


def _stats(stack: Stack, address: str, **parameters: str) -> dict[str, Any]:
    answer = _reader(stack).get(f"{stack.url}{address}", params={"bots": "include", **parameters})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _counts(breakdown: list[dict[str, Any]]) -> dict[str, int]:
    return {row["value"]: row["clicks"] for row in breakdown}


def test_the_total_and_every_breakdown_equal_the_file(
    stack: Stack, link_ids: dict[str, str]
) -> None:
    stats = _stats(stack, "/api/stats/overview")

    assert stats["totals"]["clicks"] == len(CLICKS) == 1200
    assert stats["totals"]["humans"] + stats["totals"]["bots"] == 1200
    for dimension, value_of in EXPECTED.items():
        expected = Counter(value_of(click) for click in CLICKS)
        assert _counts(stats["breakdowns"][dimension]) == expected, dimension


def test_each_link_has_the_clicks_of_the_file(stack: Stack, link_ids: dict[str, str]) -> None:
    for slug, number in Counter(click["g"] for click in CLICKS).most_common(5):
        mine = [click for click in CLICKS if click["g"] == slug]
        stats = _stats(stack, f"/api/links/{link_ids[slug]}/stats", interval="hour")

        assert stats["totals"]["clicks"] == number
        assert sum(point["clicks"] for point in stats["series"]) == number
        assert _counts(stats["breakdowns"]["country"]) == Counter(c["c"] or "" for c in mine)


def test_bots_are_kept_apart(stack: Stack, link_ids: dict[str, str]) -> None:
    bots = sum(parse_agent(click["a"]).is_bot for click in CLICKS)

    for choice, expected in (("exclude", 1200 - bots), ("only", bots), ("include", 1200)):
        assert _stats(stack, "/api/stats/overview", bots=choice)["totals"]["clicks"] == expected
    assert bots > 0


def test_counters_of_links_add_up(stack: Stack, link_ids: dict[str, str]) -> None:
    counted, page = 0, f"{stack.url}/api/links?limit=100"
    while page:
        answer = _reader(stack).get(page).json()
        counted += sum(link["clickCount"] for link in answer["results"])
        page = answer["next"]

    assert counted == 1200


def test_the_equations_hold(stack: Stack, link_ids: dict[str, str]) -> None:
    report = stack.reconcile()

    assert report["clean"], report["differences"]
    assert report["stored"] >= 1200
    assert report["issued"] == report["stored"] + report["waiting"] + report["dropped"]
