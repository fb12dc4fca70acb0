"""The API of players, operators and services, through its addresses."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import services as accounts
from accounts.addresses import to_checksum
from accounts.models import User, Wallet
from quests.models import Achievement, Completion, Evidence, LedgerEntry, Season
from quests.webhooks.relay import relay_once
from tests.quests.conftest import CODE, PROOF, QUIZ, QUIZ_RIGHT, TRUSTED, MakeQuest

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]
WALLET = "0x" + "ab" * 20
SHOWN = to_checksum(WALLET)


@pytest.fixture
def wallet(alice: User) -> Wallet:
    return Wallet.objects.create(user=alice, address=WALLET, is_primary=True)


def complete(client: APIClient, number: int, **headers: str) -> Any:
    return client.post(f"/api/progress/complete/{number}", headers=headers)


def send(client: APIClient, number: int, step: str, answer: Any) -> Any:
    return client.put(f"/api/progress/update/{number}", {"stepId": step, "answer": answer})


# --- Playing --------------------------------------------------------------------------------------
def test_a_quest_is_started_answered_and_completed(
    alice: User, api: Api, make_quest: MakeQuest
) -> None:
    Achievement.objects.create(slug="first", name="First", metric="xp", threshold=1)
    quest, client = make_quest(QUIZ, CODE), api(alice)

    assert client.post(f"/api/progress/start/{quest.number}").json()["questId"] == quest.number
    assert send(client, quest.number, "quiz", QUIZ_RIGHT).json()["state"] == "verified"
    assert send(client, quest.number, "code", " open  SESAME").json()["state"] == "verified"
    answer = complete(client, quest.number)

    assert answer.status_code == 200
    body = answer.json()
    assert body["message"] == "“Say hello” completed. +10 XP"
    assert (body["xpEarned"], body["totalXP"], body["achievements"]) == (10, 10, ["first"])
    assert len(body["evidence"]) == 2
    assert body["completedAt"].endswith("Z")


def test_a_second_completion_is_a_409_with_the_first_result(
    alice: User, api: Api, make_quest: MakeQuest
) -> None:
    quest, client = make_quest(CODE), api(alice)
    send(client, quest.number, "code", "opensesame")
    first = complete(client, quest.number).json()

    second = complete(client, quest.number)

    assert second.status_code == 409
    body = second.json()
    assert body["code"] == "quest_already_completed"
    same = {name: value for name, value in first.items() if name != "message"}
    assert body["firstResult"] == same


def test_the_same_idempotency_key_is_answered_with_the_same_result(
    alice: User, api: Api, make_quest: MakeQuest
) -> None:
    quest, client = make_quest(), api(alice)

    first = complete(client, quest.number, **{"Idempotency-Key": "one"})
    again = complete(client, quest.number, **{"Idempotency-Key": "one"})
    other = complete(client, quest.number, **{"Idempotency-Key": "two"})

    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 409)
    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"


def test_what_is_missing_is_named_and_explained(
    alice: User, api: Api, make_quest: MakeQuest
) -> None:
    quest, client = make_quest(QUIZ, CODE), api(alice)
    send(client, quest.number, "code", "open sesame")

    refused = complete(client, quest.number).json()
    told = client.get(f"/api/progress/verify/{quest.number}").json()

    assert refused["code"] == "requirements_missing"
    assert refused["missing"] == [{"stepId": "quiz", "title": "What do you know?"}]
    assert told["canComplete"] is False
    assert [step["isMet"] for step in told["steps"]] == [False, True]


def test_wrong_answers_are_counted_and_then_pause_the_player(
    alice: User, api: Api, make_quest: MakeQuest, monkeypatch: pytest.MonkeyPatch
) -> None:
    quest, client = make_quest(QUIZ), api(alice)

    tries = [send(client, quest.number, "quiz", {"0": [0]}).json() for _ in range(2)]
    paused = send(client, quest.number, "quiz", QUIZ_RIGHT)

    assert [(one["state"], one["triesLeft"]) for one in tries] == [("wrong", 1), ("wrong", 0)]
    assert (paused.status_code, paused.json()["code"]) == (429, "too_many_tries")
    assert 0 < int(paused["Retry-After"]) <= 61
    later = timezone.now() + timedelta(seconds=61)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    assert send(client, quest.number, "quiz", QUIZ_RIGHT).json()["state"] == "verified"


@pytest.mark.parametrize(
    "answer", [7, "x", [], {"9": [0]}, {"0": ["a"]}, {"0": [99]}, {"²": [0]}, {"0": {}}]
)
def test_what_is_no_answer_is_a_400_and_costs_no_try(
    alice: User, api: Api, make_quest: MakeQuest, answer: Any
) -> None:
    quest = make_quest(QUIZ)

    refused = send(api(alice), quest.number, "quiz", answer)

    assert (refused.status_code, refused.json()["code"]) == (400, "answer_invalid")


def test_a_step_that_is_not_there_is_a_404(alice: User, api: Api, make_quest: MakeQuest) -> None:
    refused = send(api(alice), make_quest(QUIZ).number, "nothing", "x")

    assert (refused.status_code, refused.json()["code"]) == (404, "step_unknown")


def test_a_stranger_is_refused_everywhere_a_player_is_needed(
    api: Api, make_quest: MakeQuest
) -> None:
    number = make_quest().number
    client = api()
    for method, path in (
        ("post", f"start/{number}"),
        ("put", f"update/{number}"),
        ("post", f"complete/{number}"),
        ("get", f"verify/{number}"),
        ("get", "user"),
    ):
        assert getattr(client, method)(f"/api/progress/{path}").status_code == 401


def test_an_api_key_cannot_play_for_its_owner(alice: User, make_quest: MakeQuest) -> None:
    _, key = accounts.create_api_key(user=alice, name="Bot", scopes=["quests:write"])
    client = APIClient(headers={"X-API-Key": key})

    refused = complete(client, make_quest().number)

    assert (refused.status_code, refused.json()["code"]) == (403, "person_required")


# --- What everybody may see -----------------------------------------------------------------------
def test_no_public_answer_tells_an_answer_a_code_or_an_address(
    alice: User, wallet: Wallet, api: Api, make_quest: MakeQuest
) -> None:
    alice.email = "alice@example.com"
    alice.save()
    quest = make_quest(QUIZ, CODE, {**TRUSTED, "config": {"count": 1}})
    client = api(alice)
    send(client, quest.number, "quiz", QUIZ_RIGHT)
    send(client, quest.number, "code", "open sesame")
    addresses = [
        "/api/quests", f"/api/quests/{quest.number}", f"/api/quests/{quest.number}/content",
        f"/api/public/users/interaction/{WALLET}", f"/api/public/users/profile/{WALLET}",
        f"/api/public/users/exists/{WALLET}", "/api/public/users/leaderboard",
        "/api/public/users/stats", f"/api/public/progress/user/{WALLET}",
        f"/api/public/progress/quest/{quest.number}/status?walletAddress={WALLET}",
        "/api/public/progress/recent-completions", "/api/seasons", "/api/achievements",
    ]  # fmt: skip

    for address in addresses:
        answer = api().get(address)
        assert answer.status_code == 200, address
        text = answer.content.decode().casefold()
        for secret in ("right", "sesame", "codes", "alice@example.com", "email"):
            assert secret not in text, (address, secret)


def test_the_content_has_the_questions_and_no_answers(api: Api, make_quest: MakeQuest) -> None:
    number = make_quest(QUIZ, content="# Hello").number

    body = api().get(f"/api/quests/{number}/content").json()

    assert (body["content"], body["contentHtml"]) == ("# Hello", "<h1>Hello</h1>")
    questions = body["steps"][0]["content"]["questions"]
    assert questions[1] == {"text": "Which are even?", "options": ["2", "3", "4"], "several": True}


def test_an_unknown_wallet_has_not_interacted(api: Api, db: None) -> None:
    body = api().get(f"/api/public/users/interaction/{WALLET}").json()

    assert body == {
        "hasInteracted": False,
        "walletAddress": SHOWN,
        "username": None,
        "totalXP": 0,
        "completedQuests": [],
        "questsCompleted": 0,
        "registeredAt": None,
        "lastActiveAt": None,
    }


def test_a_known_wallet_is_answered_field_by_field(
    alice: User, wallet: Wallet, api: Api, make_quest: MakeQuest
) -> None:
    quest = make_quest()
    done = complete(api(alice), quest.number).json()

    body = api().get(f"/api/public/users/interaction/{WALLET.upper().replace('0X', '0x')}").json()

    at = done["completedAt"]
    assert body.pop("registeredAt").endswith("Z")
    assert body == {
        "hasInteracted": True,
        "walletAddress": SHOWN,
        "username": "alice",
        "totalXP": 10,
        "completedQuests": [
            {"questId": quest.number, "questName": "Say hello", "completedAt": at, "xpEarned": 10}
        ],
        "questsCompleted": 1,
        "lastActiveAt": at,
    }


@pytest.mark.parametrize(
    ("wallet_", "code"),
    [
        ("0x12", "wallet_invalid"),
        ("nobody", "wallet_invalid"),
        ("0x" + "aB" * 20, "wallet_checksum"),
    ],
)
@pytest.mark.parametrize(
    "address",
    [
        "users/interaction/{}", "users/profile/{}", "users/exists/{}", "progress/user/{}",
        "users/leaderboard?around={}", "progress/quest/1/status?walletAddress={}",
    ],
)  # fmt: skip
def test_what_is_no_wallet_is_a_400(
    api: Api, db: None, address: str, wallet_: str, code: str
) -> None:
    answer = api().get(f"/api/public/{address.format(wallet_)}")

    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_the_leaderboard_pages_and_finds_somebody(
    alice: User, bob: User, wallet: Wallet, api: Api, make_quest: MakeQuest
) -> None:
    Season.objects.create(slug="spring", name="Spring")
    first, second = make_quest(season="spring"), make_quest()
    for user, quests in ((bob, [first, second]), (alice, [second])):
        for quest in quests:
            complete(api(user), quest.number)

    page = api().get("/api/public/users/leaderboard?limit=1").json()
    around = api().get(f"/api/public/users/leaderboard?around={WALLET}&limit=1").json()
    spring = api().get("/api/public/users/leaderboard?season=spring").json()

    assert (page["total"], page["page"], page["totalPages"]) == (2, 1, 2)
    assert page["users"] == [
        {"rank": 1, "walletAddress": None, "username": "bob", "totalXP": 20,
         "completedQuests": 2, "achievements": 0}
    ]  # fmt: skip
    assert (around["page"], around["users"][0]["walletAddress"]) == (2, SHOWN)
    assert [user["username"] for user in spring["users"]] == ["bob"]
    assert api().get("/api/public/users/leaderboard?season=none").status_code == 404
    assert api().get(f"/api/public/users/leaderboard?around=0x{'0' * 40}").status_code == 404


def test_a_draft_is_nowhere_to_be_seen(api: Api, make_quest: MakeQuest) -> None:
    number = make_quest(status="draft").number

    assert api().get("/api/quests").json()["results"] == []
    for address in (f"/api/quests/{number}", f"/api/quests/{number}/content"):
        assert api().get(address).status_code == 404


def test_lists_take_few_queries(
    alice: User, wallet: Wallet, api: Api, make_quest: MakeQuest, django_assert_num_queries: Any
) -> None:
    for _ in range(3):
        complete(api(alice), make_quest().number)
    client = api()
    for address, queries in (
        ("/api/quests", 1),
        ("/api/public/users/leaderboard", 3),
        (f"/api/public/users/interaction/{WALLET}", 6),
        ("/api/public/progress/recent-completions", 2),
    ):
        with django_assert_num_queries(queries):
            assert client.get(address).status_code == 200


# --- One's own ------------------------------------------------------------------------------------
def test_the_profile_is_changed_under_its_version(alice: User, api: Api) -> None:
    client = api(alice)
    read = client.get("/api/users/profile")
    change = {"username": "alicia", "timeZone": "Pacific/Auckland"}

    without = client.put("/api/users/profile", change)
    changed = client.put("/api/users/profile", change, headers={"If-Match": read["ETag"]})
    stale = client.put("/api/users/profile", change, headers={"If-Match": read["ETag"]})

    assert (without.status_code, without.json()["code"]) == (428, "if_match_required")
    assert changed.status_code == 200
    assert (changed.json()["username"], changed.json()["timeZone"]) == (
        "alicia",
        "Pacific/Auckland",
    )
    assert changed["ETag"] != read["ETag"]
    assert (stale.status_code, stale.json()["code"]) == (412, "version_stale")


def test_a_friend_is_named_once_and_before_the_first_quest(
    alice: User, bob: User, wallet: Wallet, api: Api, make_quest: MakeQuest
) -> None:
    def name(user: User, referrer: str) -> Any:
        client = api(user)
        etag = client.get("/api/users/profile")["ETag"]
        return client.put(
            "/api/users/profile", {"referredBy": referrer}, headers={"If-Match": etag}
        )

    assert name(alice, WALLET).json()["code"] == "referrer_unknown"
    assert name(bob, WALLET).json()["referredBy"] == "alice"
    assert name(bob, WALLET).status_code == 200
    bobs = "0x" + "cd" * 20
    Wallet.objects.create(user=bob, address=bobs, is_primary=True)
    assert name(alice, bobs).json()["code"] == "referral_fixed"


def test_a_referral_counts_once_the_friend_has_completed_a_quest(
    alice: User, bob: User, wallet: Wallet, api: Api, make_quest: MakeQuest
) -> None:
    step = {"id": "friend", "kind": "referral", "title": "Bring a friend", "config": {}}
    quest, other = make_quest(step), make_quest()
    etag = api(bob).get("/api/users/profile")["ETag"]
    api(bob).put("/api/users/profile", {"referredBy": WALLET}, headers={"If-Match": etag})

    assert complete(api(alice), quest.number).json()["code"] == "requirements_missing"
    complete(api(bob), other.number)
    assert complete(api(alice), quest.number).status_code == 200


def test_every_line_of_the_ledger_shows_what_is_behind_it(
    alice: User, operator: User, api: Api, make_quest: MakeQuest, django_assert_num_queries: Any
) -> None:
    quest, client = make_quest(CODE), api(alice)
    send(client, quest.number, "code", "open sesame")
    complete(client, quest.number)
    entry = LedgerEntry.objects.get()
    api(operator).post(f"/api/ledger/{entry.public_id}/reverse", {"reason": "Shared the word."})

    with django_assert_num_queries(4):
        lines = client.get("/api/users/ledger").json()["results"]

    assert [line["amount"] for line in lines] == [-10, 10]
    assert (lines[0]["by"], lines[0]["reason"]) == ("operator", "Shared the word.")
    assert lines[0]["reverses"] == lines[1]["id"]
    assert lines[1]["questId"] == quest.number
    assert lines[1]["evidence"][0]["stepId"] == "code"


# --- Operators and services -----------------------------------------------------------------------
def test_a_proof_is_reviewed_once(
    alice: User, operator: User, api: Api, make_quest: MakeQuest
) -> None:
    quest, client = make_quest(PROOF), api(alice)
    sent = send(client, quest.number, "proof", {"link": "https://example.com/post"}).json()
    assert sent["state"] == "pending"
    assert complete(client, quest.number).json()["code"] == "requirements_missing"

    (review,) = api(operator).get("/api/reviews").json()["results"]
    assert (review["text"], review["username"]) == ("https://example.com/post", "alice")
    first = api(operator).post(f"/api/reviews/{review['id']}/approve", {})
    second = api(operator).post(f"/api/reviews/{review['id']}/reject", {"note": "No."})

    assert first.json()["state"] == "verified"
    assert (second.status_code, second.json()["code"]) == (409, "already_reviewed")
    assert complete(client, quest.number).status_code == 200


def test_what_was_rejected_can_be_replaced_by_something_else(
    alice: User, operator: User, api: Api, make_quest: MakeQuest
) -> None:
    quest, client = make_quest(PROOF), api(alice)
    sent = send(client, quest.number, "proof", {"text": "I did it"}).json()
    again = send(client, quest.number, "proof", {"text": "I really did"})
    assert again.json()["code"] == "proof_waiting"

    nothing_said = api(operator).post(f"/api/reviews/{sent['evidenceId']}/reject", {})
    api(operator).post(f"/api/reviews/{sent['evidenceId']}/reject", {"note": "Show it."})

    assert nothing_said.json()["code"] == "reason_needed"
    same = send(client, quest.number, "proof", {"text": "i DID it"})
    assert same.json()["code"] == "proof_repeated"
    assert send(client, quest.number, "proof", {"text": "Here"}).json()["state"] == "pending"


def test_operators_doors_are_closed_to_players(
    alice: User, api: Api, make_quest: MakeQuest
) -> None:
    complete(api(alice), make_quest().number)
    entry, completion = LedgerEntry.objects.get(), Completion.objects.get()
    client = api(alice)

    for path in (
        f"ledger/{entry.public_id}/reverse",
        f"completions/{completion.public_id}/hold",
        f"completions/{completion.public_id}/release",
        f"completions/{completion.public_id}/reverse",
    ):
        assert client.post(f"/api/{path}", {"reason": "Me."}).status_code == 403
    assert client.get("/api/reviews").status_code == 403


def test_xp_is_held_released_and_never_paid(
    alice: User, operator: User, api: Api, make_quest: MakeQuest
) -> None:
    complete(api(alice), make_quest().number)
    path, client = f"/api/completions/{Completion.objects.get().public_id}", api(operator)
    reason = {"reason": "A look."}

    def xp() -> int:
        return int(api(alice).get("/api/auth/me").json()["user"]["totalXP"])

    assert client.post(f"{path}/hold", reason).json()["amount"] == -10
    assert xp() == 0
    assert client.post(f"{path}/hold", reason).json()["code"] == "not_paid"
    assert client.post(f"{path}/release", reason).json()["amount"] == 10
    assert xp() == 10
    client.post(f"{path}/hold", reason)
    assert client.post(f"{path}/reverse", reason).status_code == 204
    assert client.post(f"{path}/release", reason).json()["code"] == "not_held"
    assert xp() == 0


@pytest.fixture
def service(operator: User) -> APIClient:
    _, key = accounts.create_api_key(user=operator, name="Gate", scopes=["evidence:write"])
    return APIClient(headers={"X-API-Key": key})


def fact(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "questNumber": number,
        "requirement": "visit",
        "walletAddress": WALLET,
        "sourceId": "ticket-1",
        "occurredAt": (timezone.now() - timedelta(days=1)).isoformat(),
        "payload": {"gate": "north"},
        **changes,
    }


def test_a_trusted_service_asserts_a_fact_once(
    alice: User, bob: User, wallet: Wallet, api: Api, service: APIClient, make_quest: MakeQuest
) -> None:
    number = make_quest(TRUSTED).number

    first = service.post("/api/evidence", fact(number))
    again = service.post("/api/evidence", fact(number))
    Wallet.objects.create(user=bob, address="0x" + "cd" * 20, is_primary=True)
    other = service.post("/api/evidence", fact(number, walletAddress="0x" + "cd" * 20))

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert (other.status_code, other.json()["code"]) == (409, "source_taken")
    assert complete(api(alice), number).status_code == 200
    assert complete(api(bob), number).json()["code"] == "requirements_missing"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"questNumber": 99}, "quest_not_found"),
        ({"requirement": "none"}, "step_unknown"),
        ({"walletAddress": "0x" + "9" * 40}, "player_unknown"),
        ({"requirement": "code"}, "step_not_asserted"),
        ({"occurredAt": "2999-01-01T00:00:00Z"}, "occurred_in_future"),
        ({"occurredAt": "0001-01-01T00:00:00Z"}, "occurred_too_long_ago"),
        ({"sourceld": "misspelt"}, "validation_error"),
        ({"walletAddress": "0x1"}, "wallet_invalid"),
        ({"payload": []}, "validation_error"),
    ],
)
def test_evidence_that_makes_no_sense_is_refused(
    wallet: Wallet, service: APIClient, make_quest: MakeQuest, changes: dict[str, Any], code: str
) -> None:
    number = make_quest(TRUSTED, CODE).number

    refused = service.post("/api/evidence", fact(number, **changes))

    assert refused.json()["code"] == code
    assert not Evidence.objects.exists()


def test_a_player_cannot_assert_her_own_evidence(
    alice: User, wallet: Wallet, api: Api, make_quest: MakeQuest
) -> None:
    refused = api(alice).post("/api/evidence", fact(make_quest(TRUSTED).number))

    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")


@pytest.mark.django_db(transaction=True)
def test_the_interaction_is_offered_for_keeping_until_the_player_does_something(
    alice: User, wallet: Wallet, api: Api, make_quest: MakeQuest
) -> None:
    def offer() -> str:
        return str(api().get(f"/api/public/users/interaction/{WALLET}")["Rallypoint-Keep"])

    quest = make_quest()
    first = offer()
    assert offer() == first

    complete(api(alice), quest.number)

    second = offer()
    assert second != first
    # Once more, for a process that was killed before it could say so.
    assert relay_once()
    assert offer() != second


def test_a_player_who_acts_too_often_is_told_to_wait(
    alice: User, bob: User, api: Api, make_quest: MakeQuest, settings: Any
) -> None:
    settings.RATE_LIMITS = {"quests-player": "2/m"}
    number = make_quest().number

    codes = [api(alice).post(f"/api/progress/start/{number}").status_code for _ in range(3)]

    assert codes == [200, 200, 429]
    assert api(bob).post(f"/api/progress/start/{number}").status_code == 200


def test_a_network_that_acts_like_hundreds_of_players_is_told_to_wait(
    alice: User, bob: User, api: Api, make_quest: MakeQuest, settings: Any
) -> None:
    settings.RATE_LIMITS = {"quests-network": "1/m"}
    number = make_quest().number

    first = api(alice).post(f"/api/progress/start/{number}")
    second = api(bob).post(f"/api/progress/start/{number}")

    assert (first.status_code, second.status_code) == (200, 429)
    assert 0 < int(second["Retry-After"]) <= 60


@pytest.mark.parametrize("path", ["start/{}", "complete/{}"])
def test_a_body_or_a_query_that_names_somebody_else_is_refused(
    alice: User, api: Api, make_quest: MakeQuest, path: str
) -> None:
    address = f"/api/progress/{path.format(make_quest().number)}"

    for refused in (
        api(alice).post(address, {"walletAddress": WALLET}),
        api(alice).post(f"{address}?walletAddress={WALLET}"),
    ):
        assert refused.status_code == 400, refused.content
    assert not Completion.objects.exists()
