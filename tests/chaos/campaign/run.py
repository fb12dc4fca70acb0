"""A campaign from its first fault to its verdict."""

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psycopg
import requests
from redis import Redis

from tests.background import Background
from tests.chaos.campaign.checker import Violation, check
from tests.chaos.campaign.clock import Clock
from tests.chaos.campaign.field import Field, Web
from tests.chaos.campaign.gates import Gates
from tests.chaos.campaign.nemesis import LOSES, Planned, broken
from tests.chaos.campaign.quiet import come_to_rest
from tests.chaos.campaign.verdict import Verdict, figures_of, versions_of
from tests.chaos.campaign.visitors import let_clicks_be_lost
from tests.chaos.campaign.workload import Workload
from tests.stack import Stack, wait_until

RECOVERED_WITHIN = 30.0
QUIET_WITHIN = 120.0
AVAILABILITY = 0.999
JUDGED_FROM = 50  # faults
CALM = 0.5  # s before a fault, at least
APPLICATION, WORKER = "tests.chaos.campaign.application:application", "tests.chaos.campaign.worker"

Steps = list[list[Planned]]


class Campaign:
    """Over a stack of its own in `directory`, whose processes reach their stores through gates."""

    def __init__(
        self, directory: Path, seed: int, *, mutation: str = "", quiet: float = QUIET_WITHIN
    ) -> None:
        self.verdict = Verdict(seed, mutation)
        self._directory, self._quiet = directory, quiet
        self._open = ExitStack()

    def run(
        self,
        steps: Steps,
        say: Callable[[str], object] = print,
        *,
        minutes: float = 0.0,
    ) -> Verdict:
        """The steps are spread over so many minutes; without, each follows the one before."""
        with self._open:
            self._build(sum(map(len, steps)))
            began, apart = time.monotonic(), minutes * 60 / max(1, len(steps))
            for number, step in enumerate(steps):
                time.sleep(max(CALM, began + number * apart - time.monotonic()))
                said = self._suffer(step)
                say(f"{number + 1:>4}/{len(steps)}  {said}")
            self._end(steps)
        return self.verdict

    def _build(self, faults: int) -> None:
        seed = self.verdict.seed
        settings = {"LOG_LEVEL": "ERROR", "BACKUP_INTERVAL_HOURS": "0"}
        self.stack = self._open.enter_context(Stack(self._directory, **settings))
        self._database_url = self.stack.env["DATABASE_URL"]
        with Redis.from_url(self.stack.env["REDIS_URL"], socket_timeout=5) as redis:
            self._redis_version = redis.info("server").get("valkey_version", "")
        self.workload = Workload(self.stack, seed, quests=30 + 10 * faults)
        gates, clock = self._open.enter_context(Gates(self.stack)), Clock(self._directory)
        self.stack.env |= gates.urls | clock.env
        self.stack.env |= {
            "CAMPAIGN_RECEIVER": str(self.workload.receiver.server_port),
            "CAMPAIGN_MUTATION": self.verdict.mutation,
        }
        web = self._open.enter_context(Web(self.stack, APPLICATION))
        background = Background(self.stack, processes=2, app=WORKER)
        self.field = Field(self.stack, web, self._open.enter_context(background), gates, clock)
        self._open.enter_context(self.workload)
        wait_until(lambda: self._is_well(0.0), seconds=60)

    def _suffer(self, step: list[Planned]) -> str:
        """Breaks, mends, and waits until everything is well again; what is to be said of it."""
        names = [fault.name for fault in step]
        notes = self.workload.notes
        if LOSES in names:
            let_clicks_be_lost(self.workload.visitors, wanted=True)
        notes.fault = ", ".join(names)
        with broken(step, self.field) as told:
            pass
        recovered = self._recovery(notes.fault)
        if LOSES in names:
            let_clicks_be_lost(self.workload.visitors, wanted=False)
        notes.fault = ""
        self.verdict.schedule.append({"faults": told, "recovered": round(recovered, 2)})
        done = "; ".join(f"{one['fault']} ({one['what']}) {one['seconds']:.1f} s" for one in told)
        return f"{done}, well again after {recovered:.1f} s"

    def _recovery(self, fault: str) -> float:
        mended = time.monotonic()
        with suppress(AssertionError):
            wait_until(lambda: self._is_well(mended), seconds=2 * RECOVERED_WITHIN)
        recovered = time.monotonic() - mended
        if recovered > RECOVERED_WITHIN:
            said = f"{recovered:.0f} s: {self._complaint()}"
            self.verdict.violations.append(Violation("well again within 30 s", fault, said))
        return recovered

    def _is_well(self, since: float) -> bool:
        """Redirects, messages in every room, writes, and every part that is watched."""
        notes, web, background = self.workload.notes, self.field.web, self.field.background
        return (
            notes.is_well_since(since, "redirect", *self.workload.rooms)
            and web.is_complete()
            and bool(background.beat() and background.processes())
            and self._ask("POST", "/api/links", json={"url": "https://example.com/"}) is not None
            and (self._ask("GET", "/api/health") or {}).get("status") == "healthy"
        )

    def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any] | None:
        """None when it is no success."""
        headers = {**self.stack.api.headers, "Connection": "close"}
        try:
            answer = requests.request(
                method, self.stack.url + path, headers=headers, timeout=5, **options
            )
            return dict(answer.json()) if answer.ok else None
        except (requests.RequestException, ValueError):
            return None

    def _complaint(self) -> str:
        well = self.workload.notes.went_well
        ago = {what: round(time.monotonic() - moment, 1) for what, moment in well.items()}
        try:
            said = requests.get(f"{self.stack.url}/api/health", timeout=5).json()
        except (requests.RequestException, ValueError) as error:
            return f"{type(error).__name__}; went well so many seconds ago: {ago}"
        checks = {name: one["status"] for name, one in said.get("checks", {}).items()}
        return f"{checks}; went well so many seconds ago: {ago}"

    def _end(self, steps: Steps) -> None:
        verdict, notes = self.verdict, self.workload.notes
        self.workload.rest()
        with psycopg.connect(self._database_url, connect_timeout=5, autocommit=True) as database:
            still = come_to_rest(self.workload, database, seconds=self._quiet)
            report = self.stack.reconcile()
            verdict.violations += [Violation("everything comes to rest", "", one) for one in still]
            verdict.violations += check(self.workload, database, report)
            verdict.versions = versions_of(database, self._redis_version)
        verdict.equations = report
        verdict.figures = figures_of(notes, verdict.schedule)
        verdict.violations += self._refusals(steps)

    def _refusals(self, steps: Steps) -> list[Violation]:
        notes = self.workload.notes
        said = str(self.verdict.figures["refusedDuring"])
        if {fault.name for step in steps for fault in step} == {"reload"} and notes.refused:
            return [Violation("a reload fails no request", "", said)]
        others = {fault for fault, _ in notes.refused if not _kills_web(fault)}
        if others:
            return [Violation("only who kills the web refuses a redirect", ", ".join(others), said)]
        # In a short one, the requests in the hands of one worker are a large part.
        if sum(map(len, steps)) >= JUDGED_FROM and notes.availability < AVAILABILITY:
            return [Violation("99.9 % of redirects", f"{notes.availability:.3%}", said)]
        return []


def _kills_web(faults: str) -> bool:
    return any(fault.startswith(("kill-web", "kill-arbiter")) for fault in faults.split(", "))
