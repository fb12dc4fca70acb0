#!/usr/bin/env python3
"""Draws dashboards/*.json from what is said here: `python3 deploy/grafana/draw.py`.

A panel is a title, a unit of Grafana's, and its queries by legend. Gauges about shared stores are
told by every web host alike, hence max().
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent / "dashboards"
WIDTH, HEIGHT = 12, 8  # of Grafana's 24 columns; two panels a row


class Panel(NamedTuple):
    title: str
    unit: str
    queries: Mapping[str, str]
    description: str = ""


def _rate(metric: str, by: str, **labels: str) -> str:
    chosen = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"sum by ({by}) (rate({metric}{{{chosen}}}[$__rate_interval]))"


def _quantile(share: float, metric: str, by: str, chosen: str = "") -> str:
    inside = f"sum by ({by}) (rate({metric}_bucket{{{chosen}}}[$__rate_interval]))"
    return f"histogram_quantile({share}, {inside})"


REQUESTS = "rallypoint_http_requests_total"
SECONDS = "rallypoint_http_request_seconds"
TAKEN = "sum by (pool) (rallypoint_pool_connections - rallypoint_pool_available)"
CPU = 'rate(rallypoint_worker{measure="cpu_seconds"}[$__rate_interval])'
REDIRECT = 'route="/{slug}"'
API = 'route=~"/api/.*"'

DASHBOARDS: dict[str, list[Panel]] = {
    "Overview": [
        Panel(
            "Objectives: what failed, of a thousandth allowed",
            "percentunit",
            {
                "redirects, 1 h": "rallypoint:redirect_errors:ratio_1h",
                "API, 1 h": "rallypoint:api_errors:ratio_1h",
                "redirects, 3 d": "rallypoint:redirect_errors:ratio_3d",
                "API, 3 d": "rallypoint:api_errors:ratio_3d",
            },
        ),
        Panel(
            "How each part is",
            "none",
            {"{{check}}": "max by (check) (rallypoint_health)"},
            "0 is well, 1 goes on without it, 2 is worse.",
        ),
        Panel(
            "Requests",
            "reqps",
            {
                "redirects": f"sum(rate({REQUESTS}{{{REDIRECT}}}[$__rate_interval]))",
                "API": f"sum(rate({REQUESTS}{{{API}}}[$__rate_interval]))",
                "all": f"sum(rate({REQUESTS}[$__rate_interval]))",
            },
        ),
        Panel(
            "Errors by why", "reqps", {"{{category}}": _rate("rallypoint_errors_total", "category")}
        ),
        Panel(
            "What waits",
            "s",
            {
                "clicks": 'max(rallypoint_click_stream{measure="lag_seconds"})',
                "events": 'max(rallypoint_outbox{measure="lag_seconds"})',
                "deliveries": 'max(rallypoint_outbox{measure="overdue_seconds"})',
            },
        ),
        Panel(
            "Proofs of the numbers",
            "none",
            {"{{proof}}": "max by (proof) (rallypoint_proof_differences)"},
            "Differences that the last proof of E1 to E5 found; none is right.",
        ),
        Panel(
            "People",
            "none",
            {
                "connections": 'max(rallypoint_rooms{measure="connections"})',
                "people": 'max(rallypoint_rooms{measure="people"})',
            },
        ),
        Panel("Web hosts", "none", {"answering": 'sum(up{job="rallypoint"})'}),
    ],
    "Links and clicks": [
        Panel(
            "Redirects",
            "reqps",
            {"{{status}}": _rate(REQUESTS, "status", route="/{slug}")},
        ),
        Panel(
            "How long redirects take",
            "s",
            {
                "p50": _quantile(0.5, SECONDS, "le", REDIRECT),
                "p99": _quantile(0.99, SECONDS, "le", REDIRECT),
            },
        ),
        Panel(
            "The stream",
            "none",
            {"batches that wait": 'max(rallypoint_click_stream{measure="waiting_batches"})'},
        ),
        Panel(
            "Spool", "bytes", {"{{instance}}": "max by (instance) (rallypoint_click_spool_bytes)"}
        ),
        Panel(
            "Clicks by what became of them",
            "none",
            {"{{account}}": "max by (account) (rallypoint_clicks)"},
        ),
        Panel(
            "Personal clicks of the last hour",
            "none",
            {"{{outcome}}": "max by (outcome) (rallypoint_personal_clicks)"},
        ),
        Panel(
            "Where links are found",
            "reqps",
            {"{{name}} {{outcome}}": _rate("rallypoint_cache_lookups_total", "name, outcome")},
        ),
        Panel("Addresses that no link has", "none", {"lately": "max(rallypoint_orphan_slugs)"}),
    ],
    "Quests, webhooks and rooms": [
        Panel(
            "Completions",
            "reqps",
            {
                "{{status}}": _rate(
                    "rallypoint_http_requests_total",
                    "status",
                    route="/api/progress/complete/<int:number>",
                )
            },
        ),
        Panel(
            "Evidence",
            "none",
            {"{{check}}": 'max by (check) (rallypoint_health{check="evidence"})'},
        ),
        Panel(
            "Outbox",
            "none",
            {
                "events that wait": 'max(rallypoint_outbox{measure="waiting_events"})',
                "deliveries that wait": 'max(rallypoint_outbox{measure="waiting_deliveries"})',
            },
        ),
        Panel("Tasks at the broker", "none", {"waiting": "max(rallypoint_task_queue)"}),
        Panel(
            "Rooms",
            "none",
            {
                "rooms": 'max(rallypoint_rooms{measure="rooms"})',
                "processes": 'max(rallypoint_rooms{measure="processes"})',
                "cut off": 'max(rallypoint_rooms{measure="processes_cut_off"})',
            },
        ),
        Panel(
            "Refused for their rate",
            "reqps",
            {"{{tier}}": _rate("rallypoint_rate_limited_total", "tier")},
        ),
    ],
    "PostgreSQL and Redis": [
        Panel(
            "Connections to PostgreSQL",
            "none",
            {"{{measure}}": "max by (measure) (rallypoint_database_connections)"},
        ),
        Panel(
            "Pools",
            "none",
            {
                "{{pool}}: taken": TAKEN,
                "{{pool}}: waiting": "sum by (pool) (rallypoint_pool_waiting)",
            },
        ),
        Panel(
            "Time waited for connections",
            "s",
            {"{{pool}}": _rate("rallypoint_pool_wait_seconds_total", "pool")},
        ),
        Panel(
            "Slow statements",
            "reqps",
            {"slow": "sum(rate(rallypoint_slow_queries_total[$__rate_interval]))"},
        ),
        Panel(
            "Statements a request, p95",
            "none",
            {"{{route}}": _quantile(0.95, "rallypoint_request_queries", "le, route")},
        ),
        Panel(
            "Time in PostgreSQL",
            "s",
            {"{{route}}": _rate("rallypoint_request_query_seconds_total", "route")},
        ),
        Panel(
            "Redis: memory",
            "bytes",
            {"{{server}}": 'max by (server) (rallypoint_redis{measure="used_memory"})'},
        ),
        Panel(
            "Redis: clients",
            "none",
            {"{{server}}": 'max by (server) (rallypoint_redis{measure="connected_clients"})'},
        ),
        Panel(
            "Circuits that are not closed",
            "none",
            {"{{breaker}} {{state}}": "sum by (breaker, state) (rallypoint_breakers)"},
        ),
        Panel(
            "Reads that were repeated",
            "reqps",
            {"repeated": "sum(rate(rallypoint_reads_repeated_total[$__rate_interval]))"},
        ),
    ],
    "Processes": [
        Panel(
            "Memory of web workers",
            "bytes",
            {"{{instance}} {{worker}}": 'rallypoint_worker{measure="memory_bytes"}'},
        ),
        Panel(
            "Processors that web workers use",
            "none",
            {"{{instance}} {{worker}}": CPU},
        ),
        Panel(
            "How late event loops are, p99",
            "s",
            {"{{instance}}": _quantile(0.99, "rallypoint_event_loop_lag_seconds", "instance, le")},
        ),
        Panel(
            "Requests in Django",
            "none",
            {
                "{{class}}: worked on": "sum by (class) (rallypoint_requests_in_flight)",
                "{{class}}: waiting": "sum by (class) (rallypoint_requests_queued)",
                "limit": "sum(rallypoint_requests_limit)",
            },
        ),
        Panel(
            "Turned away",
            "reqps",
            {"{{class}} {{reason}}": _rate("rallypoint_requests_shed_total", "class, reason")},
        ),
        Panel(
            "How long requests take, p95", "s", {"{{route}}": _quantile(0.95, SECONDS, "le, route")}
        ),
        Panel(
            "The machine",
            "bytes",
            {"{{instance}}: {{measure}}": "max by (instance, measure) (rallypoint_machine_bytes)"},
        ),
        Panel(
            "The newest backup",
            "s",
            {
                "age": "max(rallypoint_backup_age_seconds)",
                "last trial": "max(rallypoint_backup_last_drill_seconds)",
            },
        ),
        Panel("The certificate", "s", {"good for": "min(rallypoint_certificate_seconds)"}),
    ],
}


def drawn(name: str, panels: list[Panel]) -> dict[str, Any]:
    return {
        "uid": f"rallypoint-{_slug(name)}",
        "title": name,
        "tags": ["rallypoint"],
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "schemaVersion": 41,
        "editable": False,
        "panels": [_panel(number, panel) for number, panel in enumerate(panels)],
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": {"type": "prometheus", "uid": "prometheus"},
        "gridPos": {"x": number % 2 * WIDTH, "y": number // 2 * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + place), "expr": expression, "legendFormat": legend}
            for place, (legend, expression) in enumerate(panel.queries.items())
        ],
    }


def _slug(name: str) -> str:
    return name.lower().replace(",", "").replace(" ", "-")


def files() -> dict[str, str]:
    """Text by file name."""
    return {
        f"{_slug(name)}.json": json.dumps(drawn(name, panels), indent=1) + "\n"
        for name, panels in DASHBOARDS.items()
    }


if __name__ == "__main__":
    for file, text in files().items():
        (HERE / file).write_text(text)
