"""Completions, the ledger, awards, and why, in the admin."""

import csv
import io
import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from quests.completions.completing import complete_quest
from quests.completions.correcting import award, hold_completion
from quests.models import AuditEntry, Completion, LedgerEntry, Season, Standing
from quests.progress import submit_step
from tests.quests.conftest import CODE, QUIZ, QUIZ_RIGHT, Allow, MakeQuest

pytestmark = pytest.mark.django_db
DONE = "/admin/quests/completion/"
LEDGER = "/admin/quests/ledgerentry/"
WHY = f"{DONE}why/"


def text(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


@pytest.fixture
def done(alice: User, make_quest: MakeQuest) -> Completion:
    quest = make_quest(QUIZ, title="=1+1")
    submit_step(player=alice, number=quest.number, key="quiz", answer=QUIZ_RIGHT)
    complete_quest(player=alice, number=quest.number)
    return Completion.objects.get(quest=quest)


def deed(client: Client, name: str, *rows: Completion, **fields: str) -> HttpResponse:
    chosen = {"action": name, "_selected_action": [row.pk for row in rows]}
    return client.post(DONE, chosen | fields, follow=True)


def lines(answer: Any) -> list[dict[str, str]]:
    content = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(content, newline="")))


# --- Completions ----------------------------------------------------------------------------------


def test_completions_are_listed_searched_and_shown_with_all_they_rest_on(
    pages: Client, operator: User, done: Completion
) -> None:
    hold_completion(completion=done, reason="Too fast.", actor=operator)
    for query in ({"q": "alice"}, {"status__exact": "held"}, {"quest__id__exact": done.quest_id}):
        assert list(pages.get(DONE, query).context["cl"].queryset) == [done]
    page = text(pages.get(f"{DONE}{done.pk}/change/"))
    for part in ("right: 2", "+10", "-10", "xp.hold", "Too fast.", "held for review"):
        assert part in page, part


def test_the_list_of_completions_costs_a_fixed_number_of_queries(
    pages: Client, alice: User, bob: User, make_quest: MakeQuest,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    for player in (alice, bob):
        for _ in range(4):
            complete_quest(player=player, number=make_quest().number)
    with django_assert_num_queries(7):
        assert text(pages.get(DONE)).count("data-row") == 8


def test_many_are_held_with_one_reason_and_each_refusal_is_told(
    pages: Client, operator: User, alice: User, bob: User, make_quest: MakeQuest
) -> None:
    quest = make_quest()
    for player in (alice, bob):
        complete_quest(player=player, number=quest.number)
    first, second = Completion.objects.order_by("pk")
    hold_completion(completion=first, reason="Before.", actor=operator)

    page = deed(pages, "hold_many", first, second)
    assert "reason" in page.context["form"].fields
    again = deed(pages, "hold_many", first, second, reason="")
    assert "This field is required." in text(again)
    assert Completion.objects.filter(status="held").count() == 1
    told = text(deed(pages, "hold_many", first, second, reason="Same address."))

    assert "1 held." in told
    assert "Only what is paid can be held." in told
    assert Completion.objects.filter(status="held").count() == 2
    entry = LedgerEntry.objects.get(player=bob, kind="hold")
    assert (entry.reason, entry.actor.username) == ("Same address.", "root")  # type: ignore[union-attr]


def test_one_is_held_released_held_and_never_paid(pages: Client, done: Completion) -> None:
    path = f"{DONE}{done.pk}/"
    for page, button, status, xp in (
        ("hold/", "Hold", "held", 0),
        ("release/", "Release and pay", "paid", 10),
        ("hold/", "Hold", "held", 0),
        ("never-pay/", "Never pay", "reversed", 0),
    ):
        assert button in text(pages.get(f"{path}change/"))
        assert button in text(pages.get(f"{path}{page}"))
        assert pages.post(f"{path}{page}", {"reason": "Looked at."}).status_code == 302
        done.refresh_from_db()
        assert done.status == status
        assert Standing.objects.get(board=0).xp == xp
        assert pages.post(f"{path}{page}", {"reason": "Twice."}).status_code == 403
    assert AuditEntry.objects.filter(reason="Looked at.").count() == 4


def test_who_may_only_look_corrects_nothing(allowed: Allow, done: Completion) -> None:
    client = allowed("view_completion", "view_ledgerentry")
    for path in (f"{DONE}{done.pk}/change/", DONE, LEDGER):
        page = text(client.get(path))
        assert page
        for button in ("Hold", "Release and pay", "Never pay", "Award XP", "Why?"):
            assert button not in page, (path, button)
    assert client.post(f"{DONE}{done.pk}/hold/", {"reason": "x"}).status_code == 403
    deed(client, "hold_many", done, reason="x")
    entry = LedgerEntry.objects.get()
    assert client.post(f"{LEDGER}{entry.pk}/reverse/", {"reason": "x"}).status_code == 403
    assert client.post(f"{LEDGER}award/", {}).status_code == 403
    done.refresh_from_db()
    assert (done.status, LedgerEntry.objects.count()) == ("paid", 1)
    assert allowed("view_quest").get(DONE).status_code == 403


# --- The ledger -----------------------------------------------------------------------------------


def test_an_entry_is_reversed_once_with_a_reason(pages: Client, done: Completion) -> None:
    entry = LedgerEntry.objects.get()
    path = f"{LEDGER}{entry.pk}/reverse/"
    assert "its completion counts no more" in text(pages.get(path))
    assert "This field is required." in text(pages.post(path, {"reason": ""}))
    pages.post(path, {"reason": "A bot."})
    told = text(pages.post(path, {"reason": "A bot."}, follow=True))
    assert "was reversed before" in told
    made = LedgerEntry.objects.get(kind="reversal")
    assert (made.amount, made.reason) == (-10, "A bot.")
    assert pages.get(f"{LEDGER}{made.pk}/reverse/").status_code == 403
    assert pages.post(f"{LEDGER}{entry.pk}/change/", {"amount": 9}).status_code == 403


def test_xp_is_awarded_from_a_users_page(pages: Client, alice: User) -> None:
    season = Season.objects.create(slug="spring", name="Spring")
    user = f"/admin/accounts/user/{alice.pk}/"
    assert "Award XP" in text(pages.get(f"{user}change/"))
    address = pages.get(f"{user}award-xp/")["Location"]
    page = pages.get(address)
    assert page.context["form"]["player"].value() == "alice"
    given = {"player": "ALICE", "amount": "50", "season": season.pk, "reason": "Helped out."}
    for wrong, sentence in (
        ({"player": "nobody"}, "There is no such player."),
        ({"amount": "0"}, "An award is 1 to 1,000,000 XP"),
        ({"amount": "2000000"}, "less than or equal to 1000000"),
        ({"reason": " "}, "This field is required."),
    ):
        assert sentence in text(pages.post(address, given | wrong)), wrong
    assert pages.post(address, given).status_code == 302
    entry = LedgerEntry.objects.get()
    assert (entry.player, entry.amount, entry.season, entry.kind) == (alice, 50, season, "award")
    assert AuditEntry.objects.get().action == "xp.award"


def test_the_list_of_the_ledger_costs_a_fixed_number_of_queries(
    pages: Client, operator: User, alice: User, bob: User,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    for number in range(1, 9):
        award(player=(alice, bob)[number % 2], amount=number, reason="x", actor=operator)
    with django_assert_num_queries(6):
        assert text(pages.get(LEDGER)).count("data-row") == 8


def test_exports_hold_what_was_filtered_and_nothing_that_a_spreadsheet_runs(
    pages: Client, allowed: Allow, operator: User, bob: User, done: Completion
) -> None:
    award(player=bob, amount=-7, reason="=HYPERLINK(1)", actor=operator)
    (line,) = lines(pages.get(f"{DONE}export/", {"q": "alice"}))
    assert (line["player"], line["questName"], line["xp"]) == ("alice", "'=1+1", "10")
    assert lines(pages.get(f"{DONE}export/", {"q": "bob"})) == []
    newest, oldest = lines(pages.get(f"{LEDGER}export/"))
    assert (newest["amount"], newest["reason"], newest["by"]) == (
        "-7",
        "'=HYPERLINK(1)",
        "operator",
    )
    assert (oldest["completionId"], oldest["questNumber"]) == (str(done.public_id), "1")
    noted = AuditEntry.objects.filter(action="exported").order_by("pk")
    assert [(row.subject, row.detail) for row in noted] == [
        ("export completions", {"query": "q=alice"}),
        ("export completions", {"query": "q=bob"}),
        ("export ledger-entries", {"query": ""}),
    ]
    assert f'href="{DONE}export/?q=alice"' in text(pages.get(DONE, {"q": "alice"}))
    assert pages.post(f"{DONE}export/").status_code == 405
    assert allowed("view_completion").get(f"{LEDGER}export/").status_code == 403


# --- Why ------------------------------------------------------------------------------------------


def test_why_says_what_stands_in_the_way(pages: Client, bob: User, make_quest: MakeQuest) -> None:
    make_quest(number=99, title="First")
    quest = make_quest(CODE, prerequisites={"all": [{"quest": 99}, {"level": 2}]}, quota=3)
    page = text(pages.get(WHY, {"player": "Bob", "quest": quest.number}))
    for part in (
        "A completion would be refused now", "prerequisites_missing", "quest 99 completed",
        "level 2", "The word of the talk", "Nothing right was sent in.", "3 of 3 places are left",
        "Not started",
    ):  # fmt: skip
        assert part in page, part
    assert "Open Sesame" not in page


def test_why_of_a_completion_leads_from_its_page(pages: Client, done: Completion) -> None:
    page = text(pages.get(f"{DONE}{done.pk}/why/"))
    assert "10 XP" in page
    assert "counts" in page
    assert "1 of 1 seen" in page


def test_why_asks_for_whom_it_knows(pages: Client, allowed: Allow, alice: User) -> None:
    assert "There is no such" not in text(pages.get(WHY))
    page = text(pages.get(WHY, {"player": "nobody", "quest": "9"}))
    assert "There is no such player." in page
    assert "There is no such quest." in page
    assert allowed("view_quest").get(WHY).status_code == 403
    assert allowed("view_attempt").get(WHY).status_code == 200


# --- The audit ------------------------------------------------------------------------------------


def test_the_audit_is_read_by_operators_and_written_by_nobody_here(
    pages: Client, operator: User, alice: User
) -> None:
    award(player=alice, amount=5, reason="Because.", actor=operator)
    page = pages.get("/admin/quests/auditentry/", {"q": "operator"})
    assert "Because." in text(page)
    path = f"/admin/quests/auditentry/{AuditEntry.objects.get().pk}/"
    assert pages.get(f"{path}change/").status_code == 200
    assert pages.post(f"{path}change/", {}).status_code == 403
    assert pages.post(f"{path}delete/", {"post": "yes"}).status_code == 403
    assert pages.get("/admin/quests/auditentry/add/").status_code == 403
