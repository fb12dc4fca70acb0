"""The figures as lines of a terminal. Pure: the command decides where and how often."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from textwrap import wrap
from typing import Any

from monitoring.performance.figures import Figures

_ESCAPES = {
    "healthy": "\x1b[32m", "degraded": "\x1b[33m", "unhealthy": "\x1b[31m",
    "unavailable": "\x1b[31m", "bold": "\x1b[1m", "faint": "\x1b[2m",
}  # fmt: skip
_END = "\x1b[0m"
_WIDTH = 100
_PARTS = 4  # in a row
_ROUTES, _ROUTE_WIDTH = 10, 44
_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))

Paint = Callable[[str, str], str]


def colours(text: str, style: str) -> str:
    return f"{_ESCAPES[style]}{text}{_END}" if style in _ESCAPES else text


def plain(text: str, style: str) -> str:
    del style
    return text


def screen(
    figures: Figures, health: Mapping[str, Any], advice: Iterable[Mapping[str, Any]], paint: Paint
) -> Iterator[str]:
    yield from _headline(figures, health, paint)
    yield from _requests(figures, paint)
    yield from _loop_and_database(figures)
    yield from _workers(figures, paint)
    yield from _sections(figures, paint)
    for found in advice:
        measured = f"{found['measurement']:g} {found['unit']} (threshold {found['threshold']:g})"
        yield paint(f"! {found['subject']}: {measured}", "degraded")
        yield from wrap(found["advice"], _WIDTH, initial_indent="  ", subsequent_indent="  ")


def parts(health: Mapping[str, Any], paint: Paint) -> Iterator[str]:
    """Of a report, each part with the colour of its state."""
    checks = list(health.get("checks", {}).items())
    for first in range(0, len(checks), _PARTS):
        row = checks[first : first + _PARTS]
        texts = ((f"{name} {found['status']}", found["status"]) for name, found in row)
        yield "".join(paint(f"  {text:<23}", status) for text, status in texts).rstrip()


def _headline(figures: Figures, health: Mapping[str, Any], paint: Paint) -> Iterator[str]:
    status = str(health.get("status", "unavailable"))
    title = paint(f"Rallypoint {health.get('version', '')}", "bold")
    maintenance = paint("maintenance is on  ", "degraded") if health.get("maintenance") else ""
    yield f"{title}  {paint(status, status)}  {maintenance}over {figures['window']:g} s"
    yield from parts(health, paint)


def _requests(figures: Figures, paint: Paint) -> Iterator[str]:
    requests = figures["requests"]
    errors = ", ".join(f"{name} {rate:g}/s" for name, rate in figures["errors"].items())
    yield ""
    yield (
        f"{paint('requests', 'bold')} {requests['rate']:,.1f}/s  {_times(requests)}"
        f"  5xx {requests['errorRate']:.2%}  {errors}"
    ).rstrip()
    header = f"  {'route':<{_ROUTE_WIDTH}} {'per s':>9} {'p50':>8} {'p95':>8} {'p99':>8} {'5xx':>7}"
    yield paint(header, "faint")
    for route in figures["routes"][:_ROUTES]:
        name = f"{route['method']} {route['route']}"[:_ROUTE_WIDTH]
        times = " ".join(f"{_ms(route[key]):>8}" for key in ("p50", "p95", "p99"))
        rate, failed = f"{route['rate']:>9,.1f}", f"{route['errorRate']:>7.2%}"
        yield f"  {name:<{_ROUTE_WIDTH}} {rate} {times} {failed}"


def _loop_and_database(figures: Figures) -> Iterator[str]:
    yield ""
    yield f"event loop late  {_times(figures['eventLoop'])}"
    yield f"queries {figures['database']['queryRate']:,.1f}/s  {_times(figures['database'])}"


def _workers(figures: Figures, paint: Paint) -> Iterator[str]:
    workers: dict[str, dict[str, float]] = {}
    for entry in figures["workers"]:
        if entry["name"] == "rallypoint_worker":
            labels = entry["labels"]
            workers.setdefault(labels["worker"], {})[labels["measure"]] = entry["value"]
    if workers:
        yield ""
        yield paint("workers", "bold")
    for number, worker in sorted(workers.items()):
        memory = _bytes(worker.get("memory_bytes", 0))
        yield (
            f"  {number}  {memory:>9}  {worker.get('cpu_seconds', 0):>8.1f} s of CPU"
            f"  {worker.get('threads', 0):g} threads"
        )


def _sections(figures: Figures, paint: Paint) -> Iterator[str]:
    for section in ("machine", "pools", "queues", "breakers", "cache", "shedding", "limits"):
        if found := [_series(entry) for entry in figures[section]]:
            yield paint(section, "bold")
            yield from _packed(found)


def _packed(texts: Iterable[str]) -> Iterator[str]:
    """As many in a line as fit into _WIDTH."""
    line = ""
    for text in texts:
        if line and len(line) + len(text) > _WIDTH:
            yield line
            line = ""
        line = f"{line}  {text}"
    yield line


def _series(entry: Mapping[str, Any]) -> str:
    labels = " ".join(entry["labels"].values())
    name = entry["name"].removeprefix("rallypoint_").removesuffix("_total")
    if "bytes" in name or "memory" in labels:
        value = _bytes(entry["value"])
    elif "rate" in entry:
        value = f"{entry['rate']:g}/s"
    else:
        value = f"{entry['value']:,.10g}"
    return f"{f'{name} {labels}'.strip()} {value}"


def _times(found: Mapping[str, Any]) -> str:
    return "  ".join(f"{key} {_ms(found[key])}" for key in ("p50", "p95", "p99"))


def _ms(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}ms" if value < 1000 else f"{value / 1000:.2f}s"


def _bytes(value: float) -> str:
    unit, name = next((unit for unit in _UNITS if value >= unit[0]), (1, "B"))
    return f"{value / unit:.4g} {name}"
