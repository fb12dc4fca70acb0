"""How long `GET /api/links/{id}/stats` takes for a link with a million clicks over 90 days.

Asked over HTTP with an API key, one request after another, for all of the 90 days with every
break-down; in a time zone whose days are not those of UTC, too.
"""

import http.client
import json
import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from urllib.parse import urlencode, urlsplit

from benchmarks.inside import call, fill_clicks, make_link
from benchmarks.machine import placement, say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.servers import rallypoint
from benchmarks.stores import Stores

_DAYS = 90
_TARGET_MS = 50


def run(stores: Stores, plan: Plan) -> Result:
    result = Result("stats", f"{plan.charted:,} clicks of one link in {_DAYS} days; {placement()}")
    begin = (datetime.now(UTC) - timedelta(days=_DAYS)).date().isoformat()
    queries = {
        f"{_DAYS} days": {"from": begin, "bots": "include"},
        f"{_DAYS} days of Kathmandu": {"from": begin, "bots": "include", "tz": "Asia/Kathmandu"},
        "30 days": {"bots": "include"},
    }
    times: dict[str, list[float]] = {name: [] for name in queries}
    with stores.new("stats") as store:
        link = call(store, make_link)
        say(f"stats: storing {plan.charted:,} clicks")
        call(store, fill_clicks, clicks=plan.charted, days=_DAYS, link=link["id"])
        with rallypoint(store) as url:
            client = _Client(url, link)
            counted = client.ask(queries[f"{_DAYS} days"])[1]["totals"]["clicks"]
            assert counted == plan.charted, counted
            for number in range(1, plan.rounds + 1):
                for name, query in queries.items():
                    times[name].append(
                        median(client.ask(query)[0] for _ in range(plan.requests)) * 1000
                    )
                latest = ", ".join(f"{name} {times[name][-1]:.1f} ms" for name in times)
                say(f"stats: round {number} of {plan.rounds}: {latest}")
    result.sides += [Side(name, "ms", values, "median") for name, values in times.items()]
    result.targets += [
        Target(f"median of {side.name}", side.median, _TARGET_MS, "ms", at_least=False)
        for side in result.sides
    ]
    return result


class _Client:
    def __init__(self, url: str, link: dict[str, Any]) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
        self._path = f"/api/links/{link['public_id']}/stats"
        self._headers = {"Authorization": f"Bearer {link['key']}"}

    def ask(self, query: dict[str, str]) -> tuple[float, dict[str, Any]]:
        """Seconds until the last byte, and the answer."""
        started = time.perf_counter()
        self._connection.request("GET", f"{self._path}?{urlencode(query)}", headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        seconds = time.perf_counter() - started
        assert answer.status == 200, body
        return seconds, json.loads(body)
