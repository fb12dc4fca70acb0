"""`GET /{slug}`: the hot road of the product, answered before Django sees the request."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from links.redirect import answers
from links.redirect.answers import REFUSALS, Answer, Refusal
from links.redirect.click import ClickEvent, moment_of, new_event_id
from links.redirect.decision import Decision, Outcome, decide
from links.redirect.directory import Unreachable
from links.redirect.marks import HINT, mark_of
from links.redirect.networks import NOBODY
from links.redirect.passwords import FormTooBigError, PasswordDoor
from links.redirect.request import (
    Caller,
    correlation_of,
    could_be_slug,
    is_counted,
    wants_html,
)
from links.redirect.runtime import ROUTE, Runtime
from links.redirect.target import Target
from links.routing import Visit, primary_language
from monitoring.headers import completed
from monitoring.metrics import observe

log = structlog.get_logger(__name__)

PLAIN = Decision(Outcome.REDIRECT)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]


class Request:
    """One request for a short address, read once."""

    __slots__ = ("correlation", "event_id", "headers", "method", "scope", "slug")

    def __init__(self, scope: Scope, slug: str) -> None:
        self.scope = scope
        self.slug = slug
        self.method: str = scope["method"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.event_id = new_event_id()
        self.correlation = correlation_of(self.headers, self.event_id)

    @property
    def html(self) -> bool:
        return wants_html(self.headers)

    def refuse(self, refusal: Refusal) -> Answer:
        return answers.refuse(
            refusal, html=self.html, path=self.scope["path"], correlation=self.correlation
        )


class Redirect:
    """ASGI middleware: answers short addresses itself and hands everything else to `app`."""

    def __init__(self, app: Application, runtime: Runtime) -> None:
        self._app = app
        self._runtime = runtime
        self._passwords = PasswordDoor(runtime.rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not (slug := self._runtime.addresses.slug_of(scope["path"])):
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request = Request(scope, slug)
        try:
            if (plain := self._redirect_plainly(request)) is not None:
                safe, (status, headers, body) = plain
                if wait := await safe:
                    status, headers, body = self._refuse_network(request, wait)
            else:
                status, headers, body = await self._careful_answer(request, receive)
        except Exception:
            log.exception("redirect_failed")
            status, headers, body = request.refuse(answers.FAILED)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send(
            {"type": "http.response.body", "body": b"" if request.method == "HEAD" else body}
        )
        self._observe(request.method, status, time.perf_counter() - started)

    def _observe(self, method: str, status: int, seconds: float) -> None:
        if method == "GET" and status // 100 == 3:
            self._runtime.redirect_times.add(seconds)
        else:
            observe(method, ROUTE, status, seconds)

    def _redirect_plainly(self, request: Request) -> tuple[Awaitable[int], Answer] | None:
        """The whole road of nearly every click: a remembered link that sends everybody to the same
        place. A function and no coroutine: each of those costs a microsecond twice, when it is
        entered and when it goes on after the wait."""
        runtime, headers = self._runtime, request.headers
        entry = runtime.directory.remembered(runtime.addresses.locate(request.slug, headers))
        if entry is None or entry.target is None or entry.prepared is None:
            return None
        if request.method != "GET" or not is_counted(request.method, headers):
            return None
        caller = runtime.callers.read(request.scope, headers)
        click = self._click(entry.target, request, caller, PLAIN)
        safe = runtime.journal.record(click, runtime.network_of(caller))
        answered = [*entry.prepared, (b"x-correlation-id", request.correlation)]
        return safe, Answer(entry.target.status, answered, b"")

    async def _careful_answer(self, request: Request, receive: Receive) -> Answer:
        status, headers, body = await self._answer(request, receive)
        runtime = self._runtime
        wanted = runtime.redirect_headers if status // 100 == 3 else runtime.page_headers
        return Answer(status, completed(headers, wanted), body)

    async def _answer(self, request: Request, receive: Receive) -> Answer:
        if request.method not in {"GET", "HEAD", "POST"}:
            return request.refuse(answers.METHOD_NOT_ALLOWED)
        wants_preview = request.slug.endswith("+") and request.method != "POST"
        slug = request.slug[:-1] if wants_preview else request.slug
        caller = self._runtime.callers.read(request.scope, request.headers)
        network = self._runtime.network_of(caller)
        if wait := self._runtime.journal.wait_of(network):
            return self._refuse_network(request, wait)
        try:
            target = await self._find(slug, request.headers)
            if target is None or wants_preview or not _counts_by_click(target, request):
                self._runtime.journal.note_look(network)
                network = NOBODY
            if target is None:
                return request.refuse(REFUSALS[Outcome.UNKNOWN])
            if wants_preview:
                return await self._preview(target, request, caller)
            return await self._open(target, request, receive, caller, network)
        except Unreachable:
            return request.refuse(answers.UNREACHABLE)

    def _refuse_network(self, request: Request, wait: int) -> Answer:
        assert self._runtime.gate  # noqa: S101 - it said so
        detail, headers = self._runtime.gate.refusal(wait)
        answer = request.refuse(Refusal(429, "rate_limited", detail, wait))
        return answer._replace(headers=[*answer.headers, *headers])

    async def _preview(self, target: Target, request: Request, caller: Caller) -> Answer:
        """Nothing that opening the link would not tell: a closed one says why it is closed."""
        outcome = self._decide(target, request, caller, unlocked=True).outcome
        if outcome is Outcome.REDIRECT and await self._runtime.is_used_up(target):
            outcome = Outcome.EXHAUSTED
        if outcome is not Outcome.REDIRECT:
            return request.refuse(REFUSALS[outcome])
        return answers.preview(target, html=request.html, correlation=request.correlation)

    async def _find(self, slug: str, headers: dict[bytes, bytes]) -> Target | None:
        runtime = self._runtime
        address = runtime.addresses.locate(slug, headers)
        if entry := runtime.directory.remembered(address):
            target = entry.target
        elif could_be_slug(address[1]):
            target = await runtime.directory.find(address)
        else:
            target = None
        if target is None:
            runtime.journal.note_orphan(f"{address[0]}/{address[1]}")
        return target

    async def _open(
        self, target: Target, request: Request, receive: Receive, caller: Caller, network: str
    ) -> Answer:
        """Decide, and count what is to be counted before the visitor is sent on."""
        unlocked = False
        if target.password_hash and request.method == "POST":
            if refused := await self._unlock(target, request, receive, caller):
                return refused
            unlocked = True
        decision = self._decide(target, request, caller, unlocked=unlocked)
        if decision.outcome is not Outcome.REDIRECT:
            return self._turn_away(target, request, decision.outcome)
        if not is_counted(request.method, request.headers):
            return await self._look(target, request, decision)
        if refused := await self._over_limit(target, request):
            return refused
        click = self._click(target, request, caller, decision)
        if wait := await self._runtime.journal.record(click, network):
            return self._refuse_network(request, wait)
        status = 303 if request.method == "POST" else target.status
        return answers.redirect(
            decision.url, status, crawlable=target.crawlable, correlation=request.correlation
        )

    def _decide(
        self, target: Target, request: Request, caller: Caller, *, unlocked: bool
    ) -> Decision:
        visit = Visit(
            at=moment_of(request.event_id),
            agent_text=caller.agent,
            country=caller.country,
            language=primary_language(caller.language),
            query=request.scope["query_string"].decode("latin-1"),
            identity=self._runtime.visitors.identity(caller.address, caller.agent),
        )
        return decide(target, visit, unlocked=unlocked)

    def _turn_away(self, target: Target, request: Request, outcome: Outcome) -> Answer:
        if outcome in {Outcome.EXPIRED, Outcome.EXHAUSTED} and target.expired_url:
            # The campaign's afterlife: sent on, and not counted as a click of the link.
            return answers.redirect(
                target.expired_url, 302, crawlable=False, correlation=request.correlation
            )
        if outcome is Outcome.PASSWORD_REQUIRED and request.html:
            return answers.ask_password(target, wrong=False, correlation=request.correlation)
        return request.refuse(REFUSALS[outcome])

    async def _look(self, target: Target, request: Request, decision: Decision) -> Answer:
        """Answer without counting. A limited link shows no target: looking would go round it."""
        if await self._runtime.is_used_up(target):
            return self._turn_away(target, request, Outcome.EXHAUSTED)
        if target.max_clicks:
            return answers.preview(target, html=False, correlation=request.correlation)
        return answers.redirect(
            decision.url, target.status, crawlable=target.crawlable, correlation=request.correlation
        )

    async def _over_limit(self, target: Target, request: Request) -> Answer | None:
        runtime = self._runtime
        if target.per_minute:
            wait = await runtime.rate.exceeded(f"link:{target.id}", target.per_minute)
            if wait:
                return request.refuse(REFUSALS[Outcome.TOO_FAST]._replace(retry_after=wait))
        if target.max_clicks and not await runtime.admit(target):
            return self._turn_away(target, request, Outcome.EXHAUSTED)
        return None

    def _click(
        self, target: Target, request: Request, caller: Caller, decision: Decision
    ) -> ClickEvent:
        query = request.scope["query_string"]
        mark = (
            mark_of(request.scope, self._runtime.browser_cookie) if query and HINT in query else ""
        )
        if caller.private:
            return ClickEvent(
                request.event_id, target.id, agent=caller.agent, private=True, mark=mark
            )
        at = moment_of(request.event_id)
        return ClickEvent(
            id=request.event_id,
            link=target.id,
            agent=caller.agent,
            referrer=caller.referrer,
            language=caller.language,
            country=caller.country,
            visitor=self._runtime.visitors.visitor(caller.address, caller.agent, at),
            rule=decision.rule,
            variant=decision.variant,
            mark=mark,
        )

    async def _unlock(
        self, target: Target, request: Request, receive: Receive, caller: Caller
    ) -> Answer | None:
        """None when the password is right, else what to say."""
        try:
            wait, right = await self._passwords.try_password(target, caller.address, receive)
        except FormTooBigError:
            return request.refuse(answers.FORM_TOO_BIG)
        except TimeoutError:
            return request.refuse(answers.FORM_TOO_SLOW)
        if wait:
            return request.refuse(answers.TOO_MANY_ATTEMPTS._replace(retry_after=wait))
        if right:
            return None
        if request.html:
            return answers.ask_password(target, wrong=True, correlation=request.correlation)
        return request.refuse(answers.WRONG_PASSWORD)


def _counts_by_click(target: Target, request: Request) -> bool:
    """Whether its network is counted with the click. What a limited link gives away cannot be taken
    back when the batch is judged: there the network is counted before."""
    is_limited = target.max_clicks or target.per_minute or target.password_hash
    return not is_limited and is_counted(request.method, request.headers)
