"""The review queue."""

import base64
import re

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from quests import reviews
from quests.models import AuditEntry, Evidence, Quest
from quests.progress import submit_step
from tests.quests.conftest import PROOF, Allow, MakeQuest

pytestmark = pytest.mark.django_db
QUEUE = "/admin/quests/evidence/review/"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def text(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


@pytest.fixture
def quest(make_quest: MakeQuest) -> Quest:
    return make_quest(PROOF | {"config": {"instructions": "A photo of you."}})


def send(player: User, quest: Quest, **answer: str) -> Evidence:
    outcome = submit_step(player=player, number=quest.number, key="proof", answer=answer)
    assert outcome.evidence
    return outcome.evidence


def decide(client: Client, evidence: Evidence, decision: str, **fields: object) -> HttpResponse:
    given = {"evidence": evidence.public_id, "version": evidence.version, "note": "", **fields}
    return client.post(QUEUE, given | {"decision": decision})


def state(evidence: Evidence) -> tuple[str, str]:
    evidence.refresh_from_db()
    return evidence.state, evidence.review_note


def test_one_after_the_other_is_shown_and_decided(
    pages: Client, alice: User, bob: User, charlie: User, quest: Quest
) -> None:
    first, second, third = (send(player, quest, text=f"I am {player}") for player in
                            (alice, bob, charlie))  # fmt: skip
    page = pages.get(QUEUE)
    assert page.context["evidence"] == first
    assert "3 waiting" in text(page)
    assert "A photo of you." in text(page)
    assert (page.context["previous"], page.context["following"]) == (
        "", f"{QUEUE}?at={second.public_id}",
    )  # fmt: skip
    middle = pages.get(page.context["following"])
    assert middle.context["evidence"] == second
    assert middle.context["previous"] == f"{QUEUE}?at={first.public_id}"

    answer = decide(pages, second, "approve")
    assert answer["Location"] == f"{QUEUE}?at={third.public_id}"
    answer = decide(pages, third, "reject", note="Not you.")
    assert answer["Location"] == f"{QUEUE}?at={first.public_id}"
    assert decide(pages, first, "approve", note="Nice.")["Location"] == QUEUE
    assert "Nothing waits for a review." in text(pages.get(QUEUE))
    assert [state(row) for row in (first, second, third)] == [
        ("verified", "Nice."), ("verified", ""), ("rejected", "Not you."),
    ]  # fmt: skip
    assert AuditEntry.objects.filter(action__startswith="proof.").count() == 3


def test_a_rejection_needs_a_note(pages: Client, alice: User, quest: Quest) -> None:
    evidence = send(alice, quest, text="Look")
    answer = decide(pages, evidence, "reject", note="  ")
    assert "Say why, for the player to read." in text(answer)
    assert state(evidence) == ("pending", "")


def test_a_second_decision_changes_nothing(
    pages: Client, operator: User, alice: User, bob: User, quest: Quest
) -> None:
    evidence, other = send(alice, quest, text="Look"), send(bob, quest, text="Here")
    reviews.approve(evidence=evidence, actor=operator)
    answer = decide(pages, evidence, "reject", note="No.")
    assert answer["Location"] == f"{QUEUE}?at={other.public_id}"
    assert "This was verified before." in text(pages.get(answer["Location"]))
    assert state(evidence) == ("verified", "")


def test_a_decision_about_what_has_changed_is_not_taken(
    pages: Client, alice: User, quest: Quest
) -> None:
    evidence = send(alice, quest, text="Look")
    answer = decide(pages, evidence, "approve", version=7, note="Typed")
    assert "This has changed. Look at it again." in text(answer)
    assert "Typed" in text(answer)
    assert state(evidence) == ("pending", "")


def test_what_was_sent_is_text_and_a_link_opens_elsewhere_without_a_trace(
    pages: Client, alice: User, bob: User, quest: Quest
) -> None:
    script = send(alice, quest, text="<script>alert(1)</script>")
    page = text(pages.get(f"{QUEUE}?at={script.public_id}"))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    link = send(bob, quest, link='https://example.com/?a="><b>')
    page = text(pages.get(f"{QUEUE}?at={link.public_id}"))
    assert re.search(r'href="https://example\.com/[^"]*" target="_blank" rel="noopener noref', page)
    assert "<b>" not in page


def test_a_copy_of_somebody_elses_proof_is_marked(
    pages: Client, alice: User, bob: User, quest: Quest
) -> None:
    send(alice, quest, text="My own words")
    copy = send(bob, quest, text="my  OWN words")
    page = text(pages.get(f"{QUEUE}?at={copy.public_id}"))
    assert re.search(r"The same as what alice sent on \d{4}-\d\d-\d\d", page)


def test_an_image_is_a_download_for_those_who_may_see_it(
    allowed: Allow, alice: User, bob: User, quest: Quest
) -> None:
    evidence = send(alice, quest, image=base64.b64encode(PIXEL).decode())
    address = f"/admin/quests/evidence/{evidence.public_id}/image"
    client = allowed("view_evidence")
    assert address in text(client.get(QUEUE))
    answer = client.get(address)
    assert answer.content == PIXEL
    assert answer["Content-Disposition"] == f'attachment; filename="{evidence.public_id}.png"'
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("image/png", "nosniff")
    words = send(bob, quest, text="Words")
    assert client.get(f"/admin/quests/evidence/{words.public_id}/image").status_code == 404
    assert allowed("view_quest").get(address).status_code == 403
    client.logout()
    assert client.get(address).status_code == 302


def test_who_may_only_look_decides_nothing(allowed: Allow, alice: User, quest: Quest) -> None:
    evidence = send(alice, quest, text="Look")
    client = allowed("view_evidence")
    page = text(client.get(QUEUE))
    assert "Look" in page
    assert "Approve" not in page
    assert decide(client, evidence, "approve").status_code == 403
    assert state(evidence) == ("pending", "")
    assert allowed("view_quest").get(QUEUE).status_code == 403
    assert (
        decide(allowed("view_evidence", "change_evidence"), evidence, "approve").status_code == 302
    )


def test_evidence_is_listed_and_nobodys_to_edit(
    pages: Client, alice: User, quest: Quest, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    evidence = send(alice, quest, text="Look")
    assert list(pages.get("/admin/quests/evidence/", {"q": "ALICE"}).context["cl"].queryset) == [
        evidence
    ]
    path = f"/admin/quests/evidence/{evidence.pk}/"
    assert pages.get(f"{path}change/").status_code == 200
    assert pages.post(f"{path}change/", {}).status_code == 403
    assert pages.post(f"{path}delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("at", ["", "x", "00000000-0000-4000-8000-000000000000"])
def test_an_address_that_leads_nowhere_leads_to_the_oldest(
    pages: Client, alice: User, quest: Quest, at: str
) -> None:
    evidence = send(alice, quest, text="Look")
    assert pages.get(QUEUE, {"at": at}).context["evidence"] == evidence
    assert pages.post(QUEUE, {"evidence": at}).status_code == 404


def test_a_page_of_the_queue_costs_a_fixed_number_of_queries(
    pages: Client,
    alice: User,
    bob: User,
    charlie: User,
    quest: Quest,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for player in (alice, bob, charlie):
        send(player, quest, text=player.username)
    # The session, its person, the proof, its step and its two neighbours, and how many wait.
    with django_assert_num_queries(8):
        pages.get(QUEUE)
