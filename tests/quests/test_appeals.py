"""A second look at what was not paid: asked for once, decided once."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import User
from monitoring.wire.problems import Problem
from quests import appeals
from quests.authoring.services import close_season
from quests.completions.completing import complete_quest
from quests.completions.correcting import (
    hold_completion,
    release_completion,
    reverse_entry,
    reverse_held,
)
from quests.models import Appeal, AuditEntry, Completion, LedgerEntry, OutboxEvent, Season
from quests.selectors import total_xp
from tests.quests.conftest import Allow, MakeQuest, assert_reconciled
from tests.together import together

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]
WHY = "I was there, ask Bob."


def held(player: User, quest: Any, operator: User) -> Completion:
    done = complete_quest(player=player, number=quest.number)
    completion = Completion.objects.get(pk=done.completion_id)
    hold_completion(completion=completion, reason="A bot?", actor=operator)
    completion.refresh_from_db()
    return completion


def reversed_(player: User, quest: Any, operator: User) -> Completion:
    done = complete_quest(player=player, number=quest.number)
    completion = Completion.objects.get(pk=done.completion_id)
    reverse_entry(entry=completion.entries.get(), reason="A bot.", actor=operator)
    completion.refresh_from_db()
    return completion


def refused(code: str, work: Callable[..., Any], **arguments: Any) -> Problem:
    with pytest.raises(Problem) as problem, transaction.atomic():
        work(**arguments)
    assert problem.value.code == code
    return problem.value


def test_what_was_held_is_released_when_its_appeal_is_granted(
    alice: User, operator: User, make_quest: MakeQuest
) -> None:
    completion = held(alice, make_quest(), operator)
    appeal = appeals.appeal(player=alice, completion=completion, text=f"  {WHY} ")
    assert (appeal.text, appeal.state, total_xp(alice)) == (WHY, "open", 0)

    granted = appeals.grant(appeal=appeal, actor=operator, note=" Bob says so. ")

    completion.refresh_from_db()
    assert (completion.status, total_xp(alice)) == ("paid", 10)
    assert granted.entry == LedgerEntry.objects.get(kind="release")
    assert (granted.state, granted.note, granted.decided_by) == (
        "granted", "Bob says so.", operator,
    )  # fmt: skip
    assert granted.entry.reason == "Appeal granted: Bob says so."
    event = OutboxEvent.objects.get(kind="appeal.decided")
    assert (event.player, event.payload["state"]) == (alice, "granted")
    assert AuditEntry.objects.filter(action="appeal.granted", actor=operator).count() == 1


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_reversal_stands_and_its_xp_is_awarded(
    alice: User, operator: User, make_quest: MakeQuest, is_closed: bool
) -> None:
    season = Season.objects.create(slug="s1", name="Season one")
    completion = reversed_(alice, make_quest(season="s1"), operator)
    if is_closed:
        close_season(season=season, actor=operator)
    appeal = appeals.appeal(player=alice, completion=completion, text=WHY)
    granted = appeals.grant(appeal=appeal, actor=operator, note="Right.")
    completion.refresh_from_db()
    assert (completion.status, total_xp(alice)) == ("reversed", 10)
    assert granted.entry is not None
    assert (granted.entry.kind, granted.entry.amount) == ("award", 10)
    assert granted.entry.season == (None if is_closed else season)


def test_what_would_never_be_paid_is_awarded_too_and_nothing_where_there_is_nothing_to_pay(
    alice: User, operator: User, make_quest: MakeQuest
) -> None:
    never = held(alice, make_quest(), operator)
    reverse_held(completion=never, reason="A bot.", actor=operator)
    worthless = reversed_(alice, make_quest(xpReward=0), operator)
    released = held(alice, make_quest(), operator)
    made = [
        appeals.appeal(player=alice, completion=one, text=WHY)
        for one in (never, worthless, released)
    ]
    release_completion(completion=released, reason="It was none.", actor=operator)
    entries = [appeals.grant(appeal=one, actor=operator, note="Yes.").entry for one in made]
    assert [entry and entry.kind for entry in entries] == ["award", None, None]
    assert total_xp(alice) == 20


def test_a_declined_appeal_changes_nothing_and_is_the_last(
    alice: User, operator: User, make_quest: MakeQuest
) -> None:
    completion = held(alice, make_quest(), operator)
    appeal = appeals.appeal(player=alice, completion=completion, text=WHY)
    refused("reason_needed", appeals.decline, appeal=appeal, actor=operator, note="  ")
    declined = appeals.decline(appeal=appeal, actor=operator, note="Bob says no.")
    assert (declined.state, declined.entry, total_xp(alice)) == ("declined", None, 0)
    again = refused(
        "already_appealed", appeals.appeal, player=alice, completion=completion, text=WHY
    )
    assert again.extra["state"] == "declined"
    refused("appeal_decided", appeals.grant, appeal=appeal, actor=operator, note="Oh.")


def test_an_appeal_is_of_ones_own_and_of_what_is_not_paid(
    alice: User, bob: User, operator: User, make_quest: MakeQuest
) -> None:
    mine = {"completion": held(alice, make_quest(), operator), "text": WHY}
    refused("completion_not_found", appeals.appeal, player=bob, **mine)
    refused("text_invalid", appeals.appeal, player=alice, **{**mine, "text": " "})
    refused("text_invalid", appeals.appeal, player=alice, **{**mine, "text": "x" * 2_001})
    release_completion(completion=mine["completion"], reason="It was none.", actor=operator)  # type: ignore[arg-type]
    refused("nothing_to_appeal", appeals.appeal, player=alice, **mine)


def test_a_decision_about_what_has_changed_is_not_taken(
    alice: User, operator: User, make_quest: MakeQuest
) -> None:
    completion = held(alice, make_quest(), operator)
    appeal = appeals.appeal(player=alice, completion=completion, text=WHY)
    deed = {"appeal": appeal, "actor": operator, "note": "Yes.", "expected_version": 2}
    refused("version_stale", appeals.grant, **deed)


@pytest.mark.django_db(transaction=True)
def test_of_many_decisions_at_once_one_counts(
    alice: User, operator: User, make_quest: MakeQuest
) -> None:
    completion = reversed_(alice, make_quest(), operator)
    with together(4) as at_once:
        asked = at_once(lambda _: appeals.appeal(player=alice, completion=completion, text=WHY))
        appeal = Appeal.objects.get()
        told = at_once(lambda _: appeals.grant(appeal=appeal, actor=operator, note="Yes."))
    assert [getattr(one, "code", "") for one in asked].count("already_appealed") == 3, asked
    assert [getattr(one, "code", "") for one in told].count("appeal_decided") == 3, told
    assert total_xp(alice) == 10
    assert_reconciled()


# --- Doors ------------------------------------------------------------------------------------


def test_over_the_api(
    alice: User,
    bob: User,
    operator: User,
    api: Api,
    make_quest: MakeQuest,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    completion = held(alice, make_quest(), operator)
    path = f"/api/completions/{completion.public_id}/appeal"
    assert api(bob).post(path, {"text": WHY}).status_code == 404
    assert api(alice).post(path, {"text": ""}).json()["code"] == "validation_error"
    made = api(alice).post(path, {"text": WHY})
    assert made.status_code == 201
    assert api(alice).post(path, {"text": WHY}).json()["code"] == "already_appealed"

    mine, staff = api(alice), api(operator)
    with django_assert_num_queries(3):  # her session, herself, the page
        assert mine.get("/api/appeals").json()["results"] == [made.json()]
    assert api(bob).get("/api/appeals").json()["results"] == []
    assert mine.get("/api/appeals/waiting").status_code == 403
    with django_assert_num_queries(3):
        (row,) = staff.get("/api/appeals/waiting").json()["results"]
    assert (row["text"], row["completionReason"], row["xp"]) == (WHY, "A bot?", 10)

    decide = f"/api/appeals/{row['id']}"
    assert mine.post(f"{decide}/grant", {"note": "Me."}).status_code == 403
    assert staff.post(f"{decide}/decline", {}).status_code == 400
    assert staff.post(f"{decide}/grant", {"note": "Yes.", "version": 7}).status_code == 412
    granted = staff.post(f"{decide}/grant", {"note": "Yes.", "version": row["version"]})
    assert granted.status_code == 200
    assert (granted.json()["state"], granted.json()["completionStatus"]) == ("granted", "paid")
    assert staff.post(f"{decide}/decline", {"note": "No."}).json()["code"] == "appeal_decided"
    assert staff.get("/api/appeals/waiting").json()["results"] == []


def test_appeals_are_limited_as_sensitive_things_are(alice: User, api: Api, settings: Any) -> None:
    settings.RATE_LIMITS = {"strict": "2/1d"}
    client = api(alice)
    path = "/api/completions/00000000-0000-4000-8000-000000000000/appeal"
    answers = [client.post(path, {"text": WHY}).status_code for _ in range(3)]
    assert answers == [404, 404, 429]


def test_operators_decide_in_the_admin(
    pages: Client,
    alice: User,
    bob: User,
    operator: User,
    make_quest: MakeQuest,
) -> None:
    quest = make_quest()
    hers, his = (
        appeals.appeal(player=one, completion=held(one, quest, operator), text="<b>Please</b>")
        for one in (alice, bob)
    )
    assert pages.get("/admin/quests/appeal/").status_code == 200
    shown = pages.get(f"/admin/quests/appeal/{hers.pk}/change/").content.decode()
    assert "&lt;b&gt;Please&lt;/b&gt;" in shown
    assert "A bot?" in shown
    assert "held for review" in shown
    assert "&#x27;open&#x27;" not in shown  # a value and its name are a list's affair

    grant, decline = (
        f"/admin/quests/appeal/{one.pk}/{deed}/"
        for one, deed in ((hers, "grant"), (his, "decline"))
    )
    assert "A reversal stands" in pages.get(grant).content.decode()
    assert pages.post(grant, {"note": "", "version": 1}).status_code == 200
    assert "Look at it again" in pages.post(grant, {"note": "Y", "version": 9}).content.decode()
    assert pages.post(grant, {"note": "Yes.", "version": 1}).status_code == 302
    assert pages.post(decline, {"note": "No.", "version": 1}).status_code == 302
    assert [total_xp(one) for one in (alice, bob)] == [10, 0]
    assert pages.post(decline, {"note": "No.", "version": 2}).status_code == 403


def test_who_may_only_look_decides_nothing(
    allowed: Allow, alice: User, operator: User, make_quest: MakeQuest
) -> None:
    completion = held(alice, make_quest(), operator)
    appeal = appeals.appeal(player=alice, completion=completion, text=WHY)
    path = f"/admin/quests/appeal/{appeal.pk}"
    client = allowed("view_appeal")
    assert client.get(f"{path}/change/").status_code == 200
    assert client.post(f"{path}/grant/", {"note": "Yes.", "version": 1}).status_code == 403


def test_the_list_costs_a_fixed_number_of_queries(
    pages: Client,
    alice: User,
    bob: User,
    operator: User,
    make_quest: MakeQuest,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    quest = make_quest()
    for one in (alice, bob):
        appeals.appeal(player=one, completion=held(one, quest, operator), text=WHY)
    # The session, its person, the proofs that wait, the count and the page.
    with django_assert_num_queries(5):
        pages.get("/admin/quests/appeal/")
