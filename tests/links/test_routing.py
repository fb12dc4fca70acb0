"""Which of a link's targets a visitor is sent to."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from links.redirect.decision import Outcome, decide
from links.redirect.target import Target
from links.routing import Rule, Variant, Visit, primary_language
from tests.links.conftest import CHROME, GOOGLEBOT, IPHONE

NOON = round(datetime(2031, 5, 1, 12, tzinfo=UTC).timestamp() * 1000)
HOUR = 3_600_000


def target(**fields: Any) -> Target:
    rules = msgspec.convert(fields.pop("rules", []), tuple[Rule, ...])
    variants = msgspec.convert(fields.pop("variants", []), tuple[Variant, ...])
    made = {"id": 1, "version": 1, "domain": "", "slug": "s", "url": "https://own.example/"}
    return Target(**made | fields, rules=rules, variants=variants)


def visit(**fields: Any) -> Visit:
    return Visit(**{"at": NOON, "agent_text": CHROME, "identity": b"ada"} | fields)


def rule(**conditions: Any) -> dict[str, Any]:
    return {"name": "special", "when": conditions, "url": "https://special.example/"}


@pytest.mark.parametrize(
    ("conditions", "match", "other"),
    [
        ({"device": ["mobile"]}, {"agent_text": IPHONE}, {}),
        ({"device": ["bot"]}, {"agent_text": GOOGLEBOT}, {}),
        ({"os": ["ios"]}, {"agent_text": IPHONE}, {}),
        ({"browser": ["chrome"]}, {}, {"agent_text": IPHONE}),
        ({"country": ["de", "AT"]}, {"country": "DE"}, {"country": "US"}),
        ({"language": ["de"]}, {"language": "de"}, {"language": "en"}),
        ({"query": {"ref": "x"}}, {"query": "a=b&ref=x"}, {"query": "ref=y"}),
        ({"startsAt": "2031-05-01T12:00:00Z"}, {}, {"at": NOON - 1}),
        ({"endsAt": "2031-05-01T12:00:00Z"}, {"at": NOON - 1}, {}),
        (
            {"country": ["DE"], "os": ["iOS"]},
            {"country": "DE", "agent_text": IPHONE},
            {"country": "DE"},
        ),
    ],
)  # fmt: skip
def test_a_rule_takes_whom_all_its_conditions_fit(
    conditions: dict[str, Any], match: dict[str, Any], other: dict[str, Any]
) -> None:
    link = target(rules=[rule(**conditions)])

    assert decide(link, visit(**match)).url == "https://special.example/"
    assert decide(link, visit(**other)).url == "https://own.example/"


def test_the_first_rule_that_fits_wins_and_the_trace_tells() -> None:
    rules = [rule(country=["FR"]), {**rule(country=["DE"]), "name": "second"}]

    decision = decide(target(rules=rules), visit(country="DE"))

    assert decision.rule == "second"
    assert [step.result for step in decision.trace] == ["country does not match", "matches"]


def test_variants_share_visitors_by_weight_and_each_keeps_hers() -> None:
    variants = [
        {"name": "a", "url": "https://a.example/", "weight": 3},
        {"name": "b", "url": "https://b.example/", "weight": 1},
    ]
    link = target(variants=variants)

    seen = Counter(
        decide(link, visit(identity=number.to_bytes(8))).variant for number in range(4000)
    )

    assert 2850 < seen["a"] < 3150
    assert len({decide(link, visit(identity=b"ada")).variant for _ in range(50)}) == 1


def test_the_query_is_forwarded_only_when_asked_for() -> None:
    asked = target(forward_query=True, url="https://own.example/?a=1&b=2")

    assert decide(asked, visit(query="b=3&c=ö d")).url == (
        "https://own.example/?a=1&b=3&c=%C3%B6+d"
    )
    assert decide(target(), visit(query="c=4")).url == "https://own.example/"


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"deleted": True}, Outcome.DELETED),
        ({"starts_at": NOON + 1}, Outcome.NOT_STARTED),
        ({"starts_at": NOON}, Outcome.REDIRECT),
        ({"expires_at": NOON}, Outcome.EXPIRED),
        ({"expires_at": NOON + 1}, Outcome.REDIRECT),
        ({"password_hash": "x"}, Outcome.PASSWORD_REQUIRED),
    ],
)
def test_a_link_that_is_not_open_says_why(fields: dict[str, Any], outcome: Outcome) -> None:
    assert decide(target(**fields), visit()).outcome is outcome


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("en-US,en;q=0.8", "en"),
        ("en;q=0.5, de-AT;q=0.9", "de"),
        ("de;q=0", ""),
        ("*", ""),
        ("", ""),
        ("en;q=x,fr;q=0.1", "fr"),
        ("zh-Hans-CN", "zh"),
        ("\x00;q=1", ""),
    ],
)
def test_the_language_preferred_most_is_the_visitors(header: str, language: str) -> None:
    assert primary_language(header) == language
