"""How long it takes to know that a backup is good: one of a large database is made, and tried by
`manage.py restore --drill`, which restores it into a scratch database, compares the rows of every
table and proves E1 to E5 there. The dump of one machine is restored on the same: both share it."""

import json
import time

import psycopg

from benchmarks.inside import call, fill_clicks, make_links
from benchmarks.machine import say
from benchmarks.plan import Plan
from benchmarks.results import Result, Side, Target
from benchmarks.stores import Store, Stores

_DAYS = 60


def run(stores: Stores, plan: Plan) -> Result:
    with stores.new("recovery") as store, stores.on_all_cores():
        call(store, make_links)
        call(store, fill_clicks, clicks=plan.backed_up, days=_DAYS)
        size = _gigabytes(store)
        say(f"recovery: a database of {size:.2f} GB")
        began = time.monotonic()
        store.manage("backup", "--quiet")
        made = time.monotonic() - began
        report = json.loads(store.manage("restore", "--drill", "--json", "--quiet"))
    result = Result("recovery", f"a database of {size:.2f} GB, {plan.backed_up:,} clicks in it")
    result.sides += [
        Side("manage.py backup", "s", [made]),
        Side("manage.py restore --drill", "s", [report["seconds"]], "into a scratch database"),
    ]
    unequal = sum(one["expected"] != one["found"] for one in report["compared"])
    unequal += sum(map(len, report["proofs"].values()))
    result.targets.append(Target("differences after the drill", unequal, 0, "", at_least=False))
    proofs = ", ".join(report["proofs"])
    result.notes.append(f"{report['rows']:,} rows of {len(report['compared'])} tables; {proofs}")
    return result


def _gigabytes(store: Store) -> float:
    with psycopg.connect(store.database_url, connect_timeout=5) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        return row[0] / 1e9 if row else 0.0
