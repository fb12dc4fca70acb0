"""Each kind of requirement: what its author may write, and what a player may send."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from rest_framework.exceptions import ValidationError
from rest_framework.test import APIClient

from accounts.models import User, Wallet
from monitoring.wire.problems import Problem
from quests.authoring.services import create_quest
from quests.models import Evidence, Proof
from quests.progress import submit_step
from quests.requirements.registry import kind_of
from quests.requirements.wallet_signature import message_for
from tests.quests.conftest import CODE, PROOF, MakeQuest
from tests.together import together

pytestmark = pytest.mark.django_db

Api = Callable[..., APIClient]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(Problem) as refused:
        call()
    return str(refused.value.code)


# --- What an author may write ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("quiz", {}),
        ("quiz", {"questions": []}),
        ("quiz", {"questions": ["x"]}),
        ("quiz", {"questions": [{"text": "?", "options": ["a"], "right": [0]}]}),
        ("quiz", {"questions": [{"text": "?", "options": ["a", "b"], "right": [2]}]}),
        ("quiz", {"questions": [{"text": "?", "options": ["a", "b"], "right": []}]}),
        ("quiz", {"questions": [{"text": "?", "options": ["a", "b"], "right": [0]}], "pass": 2}),
        ("quiz", {"questions": [{"text": "?", "options": ["a", "b"], "right": [True]}]}),
        ("secret_code", {}),
        ("secret_code", {"codes": []}),
        ("secret_code", {"codes": ["  "]}),
        ("secret_code", {"codes": ["x"], "tries": 0}),
        ("secret_code", {"codes": ["x"], "code": "y"}),
        ("proof", {"forms": []}),
        ("proof", {"forms": ["video"]}),
        ("evidence", {"count": 0}),
        ("wallet_signature", {}),
        ("referral", {"friends": 0}),
        ("streak", {}),
        ("streak", {"days": 1}),
        ("streak", {"days": 3, "graceDays": 8}),
        ("nothing", {}),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(
    operator: User, kind: str, config: dict[str, Any]
) -> None:
    step = {"id": "one", "kind": kind, "title": "One", "config": config}

    with pytest.raises(ValidationError):
        create_quest(document={"title": "T", "xpReward": 1, "steps": [step]}, actor=operator)


# --- Codes ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "given", ["OPEN SESAME", "open\tsesame", "\uff4f\uff50\uff45\uff4esesame", " Open  Sesame "]
)
def test_case_and_space_of_a_code_do_not_matter(
    alice: User, make_quest: MakeQuest, given: str
) -> None:
    quest = make_quest(CODE)

    assert submit_step(player=alice, number=quest.number, key="code", answer=given).evidence


def test_a_wrong_code_is_counted(alice: User, make_quest: MakeQuest) -> None:
    quest = make_quest(CODE)

    outcome = submit_step(player=alice, number=quest.number, key="code", answer="sesame")

    assert (outcome.evidence, outcome.tries_left) == (None, 4)


def test_the_evidence_of_a_code_does_not_hold_it(alice: User, make_quest: MakeQuest) -> None:
    submit_step(player=alice, number=make_quest(CODE).number, key="code", answer="Open Sesame")

    assert Evidence.objects.get().payload == {}


# --- Proofs ---------------------------------------------------------------------------------------
def prove(player: User, number: int, proof: Any) -> Any:
    return submit_step(player=player, number=number, key="proof", answer=proof).evidence


def test_an_image_is_kept_as_what_its_bytes_say(alice: User, make_quest: MakeQuest) -> None:
    number = make_quest(PROOF).number

    evidence = prove(alice, number, {"image": base64.b64encode(PNG).decode()})

    proof = Proof.objects.get(evidence=evidence)
    assert (bytes(proof.image or b""), proof.content_type) == (PNG, "image/png")


@pytest.mark.parametrize(
    ("proof", "code"),
    [
        ({"image": base64.b64encode(b"<svg onload=alert(1)>").decode()}, "proof_type"),
        ({"image": base64.b64encode(b"MZ" + b"\0" * 99).decode()}, "proof_type"),
        ({"image": base64.b64encode(b"%PDF-1.7").decode()}, "proof_type"),
        ({"image": "no base64!"}, "answer_invalid"),
        ({"image": base64.b64encode(PNG + b"\0" * 5 * 1024 * 1024).decode()}, "proof_too_large"),
        ({"link": "javascript:alert(1)"}, "answer_invalid"),
        ({"link": "mailto:a@example.com"}, "answer_invalid"),
        ({"link": "https://user:word@example.com/"}, "answer_invalid"),
        ({"text": ""}, "answer_invalid"),
        ({"text": "x" * 5_001}, "answer_invalid"),
        ({"text": "a", "link": "https://example.com"}, "answer_invalid"),
        ({"video": "x"}, "answer_invalid"),
        ("text", "answer_invalid"),
        ([], "answer_invalid"),
    ],
)
def test_a_proof_that_is_none_is_refused(
    alice: User, make_quest: MakeQuest, proof: Any, code: str
) -> None:
    number = make_quest(PROOF).number

    assert refusal(lambda: prove(alice, number, proof)) == code
    assert not Evidence.objects.exists()


def test_a_form_that_the_quest_does_not_take_is_refused(alice: User, make_quest: MakeQuest) -> None:
    number = make_quest({**PROOF, "config": {"forms": ["text"]}}).number

    assert refusal(lambda: prove(alice, number, {"link": "https://e.com"})) == "answer_invalid"


def test_a_copy_of_somebody_elses_proof_is_marked(
    alice: User, bob: User, make_quest: MakeQuest
) -> None:
    number = make_quest(PROOF).number
    first = prove(alice, number, {"text": "I was there."})

    second = prove(bob, number, {"text": "i  was THERE."})

    assert Proof.objects.get(evidence=first).duplicate_of is None
    assert Proof.objects.get(evidence=second).duplicate_of == first


def test_an_image_is_only_ever_a_download(
    alice: User, operator: User, api: Api, make_quest: MakeQuest
) -> None:
    evidence = prove(alice, make_quest(PROOF).number, {"image": base64.b64encode(PNG).decode()})
    address = f"/api/reviews/{evidence.public_id}/image"

    answer = api(operator).get(address)

    assert answer.content == PNG
    assert answer["Content-Disposition"].startswith("attachment;")
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert api(alice).get(address).status_code == 403


# --- Signatures -----------------------------------------------------------------------------------
def test_a_sentence_is_signed_by_a_wallet_of_hers(
    alice: User, bob: User, make_quest: MakeQuest
) -> None:
    key = Account.create()
    Wallet.objects.create(user=alice, address=key.address.lower(), is_primary=True)
    config = {"sentence": "I keep the rules."}
    step = {"id": "oath", "kind": "wallet_signature", "title": "Oath", "config": config}
    quest, other = make_quest(step), make_quest(step)

    def signed(number: int) -> str:
        message = encode_defunct(text=message_for("I keep the rules.", number, ""))
        return "0x" + bytes(key.sign_message(message).signature).hex()

    def send(player: User, answer: str) -> Any:
        return submit_step(player=player, number=quest.number, key="oath", answer=answer)

    assert refusal(lambda: send(alice, signed(other.number))) == "signature_mismatch"
    assert refusal(lambda: send(bob, signed(quest.number))) == "signature_mismatch"
    assert refusal(lambda: send(alice, "0x12")) == "signature_malformed"
    assert send(alice, signed(quest.number)).evidence.state == "verified"


def test_an_unknown_kind_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="quiz, secret_code"):
        kind_of("nothing")


@pytest.mark.django_db(transaction=True)
def test_of_two_proofs_sent_together_one_waits_and_the_other_is_refused(
    alice: User, make_quest: MakeQuest
) -> None:
    number = make_quest(PROOF).number

    with together(8) as run:
        sent = run(lambda place: prove(alice, number, {"text": f"Proof {place}"}))

    assert [getattr(one, "code", "kept") for one in sent].count("kept") == 1
    assert Evidence.objects.count() == 1
