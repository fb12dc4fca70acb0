"""Group commit: one draft at fault does not take the others with it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from realtime.messages.statement import Draft, Stored
from realtime.socket.frames import Refusal
from realtime.socket.identity import Person
from realtime.socket.writer import Said, Writer

ROOM = 7
ANN = Person(1, uuid4(), "ann", 0.0, "")


def said(body: str) -> Said:
    return Said(sender=ANN.id, body=body, client_id=body, person=ANN)


async def test_one_that_cannot_be_stored_fails_alone_and_the_others_are_told() -> None:
    batches: list[list[str]] = []
    told: list[str] = []

    async def post(_: int, drafts: Sequence[Draft]) -> list[Stored]:
        batches.append([draft.body for draft in drafts])
        await asyncio.sleep(0)
        if any(draft.body == "bad" for draft in drafts):
            raise ValueError("not storable")
        return [
            Stored(number, uuid4(), datetime.now(UTC), is_new=True, mentions=[], refusal=None)
            for number, _ in enumerate(drafts, 1)
        ]

    async def after(_: int, stored: list[tuple[Said, Any]]) -> None:
        told.extend(one.body for one, _ in stored)

    writer = Writer(post, after)
    writing = [asyncio.create_task(writer.write(ROOM, said(b))) for b in ("a", "b", "bad", "c")]
    results = await asyncio.gather(*writing, return_exceptions=True)
    assert [isinstance(result, ValueError) for result in results] == [False, False, True, False]
    assert told == ["a", "b", "c"]
    assert ["bad"] in batches


async def test_what_was_stored_before_is_told_again() -> None:
    told: list[bool] = []

    async def post(_: int, drafts: Sequence[Draft]) -> list[Stored]:
        return [
            Stored(1, uuid4(), datetime.now(UTC), is_new=False, mentions=[], refusal=None)
            for _ in drafts
        ]

    async def after(_: int, stored: list[tuple[Said, Any]]) -> None:
        told.extend(one.is_new for _, one in stored)

    stored = await Writer(post, after).write(ROOM, said("x"))
    assert (stored.seq, told) == (1, [False])


async def test_who_speaks_too_often_is_told_so_and_the_others_are_stored() -> None:
    """One call for all that is stored together."""
    asked: list[list[int]] = []

    async def post(_: int, drafts: Sequence[Draft]) -> list[Stored]:
        return [
            Stored(number, uuid4(), datetime.now(UTC), is_new=True, mentions=[], refusal=None)
            for number, _ in enumerate(drafts, 1)
        ]

    async def after(_: int, stored: list[tuple[Said, Any]]) -> None:
        del stored

    async def judge(senders: Sequence[int]) -> list[Refusal | None]:
        asked.append(list(senders))
        return [Refusal("rate_limited", "") if sender == ANN.id else None for sender in senders]

    writer = Writer(post, after, judge)
    bobs = Said(sender=2, body="b", client_id="b", person=replace(ANN, id=2))
    writing = [asyncio.create_task(writer.write(ROOM, one)) for one in (said("a"), bobs, said("c"))]
    results = await asyncio.gather(*writing, return_exceptions=True)
    assert [getattr(result, "code", "") for result in results] == [
        "rate_limited",
        "",
        "rate_limited",
    ]
    assert asked == [[1, 2, 1]]
    # A group of which nothing is left does not stop the room.
    with pytest.raises(Refusal, match="rate_limited"):
        await writer.write(ROOM, said("d"))
