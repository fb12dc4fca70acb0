"""Builds that are broken on purpose, each in a process of tests alone: the checker has to find
them, by the law that they break."""

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import uuid4

# s that an acknowledged message is not committed.
_LATE = 0.3


def _replace(owner: Any, **parts: Any) -> None:
    """What is not there any more would be replaced without a word, and nothing be broken."""
    for name, part in parts.items():
        assert hasattr(owner, name), f"{owner} has no {name}"
        setattr(owner, name, part)


def drain_without_cursor() -> None:
    """It forgets how far it has come, so each drain reads what the one before has read, and counts
    it again."""
    from links.clicks import drain
    from links.models import ClickStream

    insert = drain._insert

    def insert_and_count_all(clicks: list[Any]) -> list[Any]:
        insert(clicks)
        return clicks

    _replace(drain, _insert=insert_and_count_all)
    _replace(drain.stream, take_out=lambda *_: None)
    _replace(ClickStream, save=lambda *_, **__: None)


def completion_without_key() -> None:
    """Nothing is unique about player and quest, and nobody looks before: who asks twice is paid
    twice."""
    from quests.completions import completing

    insert = completing.statement.insert_completion

    def insert_anew(**values: Any) -> Any:
        return insert(**values | {"period": uuid4().hex[:10]})

    _replace(completing.statement, insert_completion=insert_anew)
    _replace(completing, _refuse_repetition=lambda *_: None)


def message_before_commit() -> None:
    """Who speaks is told so when it is stored, and it is committed a moment later, if at all."""
    from realtime.socket.store import Store

    _replace(Store, post=_post_and_commit_later)


async def _post_and_commit_later(store: Any, room: int, drafts: Sequence[Any]) -> list[Any]:
    import psycopg
    from psycopg_pool import PoolTimeout, TooManyRequests

    from realtime.messages import statement
    from realtime.socket.identity import unavailable

    values = statement.parameters(room=room, drafts=drafts, now=datetime.now(UTC))
    try:
        connection = await store._writing.getconn()
    except (PoolTimeout, TooManyRequests):
        raise unavailable() from None
    try:
        for query in ("BEGIN", statement.LOCK, statement.STORE):
            cursor = await connection.execute(query, values if query != "BEGIN" else None)
        stored = [statement.read(row) for row in await cursor.fetchall()]
    except psycopg.Error:
        await _give_back(store._writing, connection)
        raise unavailable() from None
    late = asyncio.create_task(_commit_later(store._writing, connection))
    _COMMITTING.add(late)
    late.add_done_callback(_COMMITTING.discard)
    return stored


_COMMITTING: set[asyncio.Task[None]] = set()


async def _commit_later(pool: Any, connection: Any) -> None:
    await asyncio.sleep(_LATE)
    try:
        await connection.execute("COMMIT")
    finally:
        await _give_back(pool, connection)


async def _give_back(pool: Any, connection: Any) -> None:
    await connection.close()
    await pool.putconn(connection)


def outbox_without_mark() -> None:
    """What was relayed is not marked so, and is relayed for ever."""
    from quests.webhooks import relay

    marking = "WHERE event.id = ANY(%(ids)s)\n"
    assert relay._RELAY.endswith(marking)
    _replace(relay, _RELAY=relay._RELAY.removesuffix(marking) + "WHERE false")


def delivery_without_answer() -> None:
    """Whatever a receiver answers, it is taken for a yes."""
    from quests.webhooks import posting

    _replace(posting, _error=lambda _: "")


class Mutation(NamedTuple):
    """In which processes, and `laws` that it breaks, any of them."""

    role: str
    laws: frozenset[str]
    apply: Callable[[], None]


MUTATIONS = {
    "drain-without-cursor": Mutation("worker", frozenset({"E1", "E2"}), drain_without_cursor),
    "completion-without-key": Mutation(
        "web", frozenset({"what is paid is paid once"}), completion_without_key
    ),
    "message-before-commit": Mutation(
        "web",
        frozenset({"what was acknowledged is there", "everybody hears everything once"}),
        message_before_commit,
    ),
    "outbox-without-mark": Mutation(
        "worker", frozenset({"every event is relayed"}), outbox_without_mark
    ),
    "delivery-without-answer": Mutation(
        "worker", frozenset({"what is delivered has arrived"}), delivery_without_answer
    ),
}


def mutate(role: str) -> None:
    """As CAMPAIGN_MUTATION says, if it is about processes like this one."""
    mutation = MUTATIONS.get(os.environ.get("CAMPAIGN_MUTATION", ""))
    if mutation and mutation.role == role:
        mutation.apply()
