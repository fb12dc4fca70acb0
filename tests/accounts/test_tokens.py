"""Access tokens, the rotation of refresh tokens, and signing out."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.db import connection
from pytest_django import DjangoAssertNumQueries
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.test import APIClient
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from accounts import services
from accounts.models import TokenFamily, User
from accounts.tokens import AccessToken, RefreshToken, TokenPair

pytestmark = pytest.mark.django_db
Bearer = Callable[[str], APIClient]


def post(route: str, token: str) -> Any:
    return APIClient().post(f"/api/auth/{route}", {"refreshToken": token})


def refused(answer: Any) -> str:
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"].startswith("Bearer")
    return str(answer.json()["code"])


def claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def forged(token: str, **changed: Any) -> str:
    """Signed with our own key: what a bug elsewhere might make."""
    left_out = {name for name, value in changed.items() if value is None}
    payload = {k: v for k, v in {**claims(token), **changed}.items() if k not in left_out}
    return jwt.encode(payload, settings.SECRET_KEY, "HS256")


# --- Access tokens --------------------------------------------------------------------------------
def test_an_access_token_says_who_is_calling(
    alice: User, tokens: TokenPair, bearer: Bearer
) -> None:
    for answer in (
        bearer(tokens.access).get("/api/auth/me"),
        bearer(tokens.access).post("/api/auth/verify"),
    ):
        user = answer.json()["user"]
        assert (user["walletAddress"], user["totalXP"], user["isOperator"]) == (None, 0, False)
        assert (user["id"], user["username"]) == (str(alice.public_id), "alice")


def test_it_costs_one_query_and_her_profile_three(
    tokens: TokenPair, bearer: Bearer, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = bearer(tokens.access)
    # The wallet, the standing, the achievements; the prepared one of the sign-in is not counted.
    with django_assert_num_queries(3):
        assert client.get("/api/auth/me").status_code == 200


def test_tokens_name_no_database_id(alice: User, tokens: TokenPair) -> None:
    for token in (tokens.access, tokens.refresh):
        assert claims(token)["sub"] == str(alice.public_id)
        assert claims(token).keys() == {"token_type", "exp", "iat", "jti", "sub", "fam", "iss"}


def test_the_scheme_may_be_spelled_in_any_case(tokens: TokenPair) -> None:
    client = APIClient(headers={"Authorization": f"bEARER {tokens.access}"})
    assert client.get("/api/auth/me").status_code == 200


def test_without_a_credential_it_is_401() -> None:
    assert refused(APIClient().get("/api/auth/me")) == "not_authenticated"


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer a.b.c",
        "Bearer a b",
        "bearer \xff\xfe",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Bearer " + "a" * 10_000,
    ],
)
def test_nonsense_is_401(header: str) -> None:
    assert refused(APIClient(headers={"Authorization": header}).get("/api/auth/me"))


def test_a_refresh_token_is_no_access_token(tokens: TokenPair, bearer: Bearer) -> None:
    assert refused(bearer(tokens.refresh).get("/api/auth/me")) == "token_invalid"
    assert refused(post("refresh", tokens.access)) == "token_invalid"


@pytest.mark.parametrize(
    "family", [None, "", "x", 7, ["a"], "00000000-0000-0000-0000-000000000000"]
)
def test_a_token_without_a_sign_in_behind_it_is_refused(
    tokens: TokenPair, bearer: Bearer, family: Any
) -> None:
    assert refused(bearer(forged(tokens.access, fam=family)).get("/api/auth/me")) == "token_invalid"
    assert refused(post("refresh", forged(tokens.refresh, fam=family))) == "token_invalid"


def test_a_token_of_another_instance_is_refused(tokens: TokenPair, bearer: Bearer) -> None:
    other = forged(tokens.access, iss="https://elsewhere.example")
    assert refused(bearer(other).get("/api/auth/me")) == "token_invalid"


def test_an_expired_token_says_so(tokens: TokenPair, bearer: Bearer) -> None:
    assert refused(bearer(forged(tokens.access, exp=1)).get("/api/auth/me")) == "token_expired"
    assert refused(post("refresh", forged(tokens.refresh, exp=1))) == "token_expired"


def test_a_token_that_was_good_a_moment_ago_expires_too(
    tokens: TokenPair, bearer: Bearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bearer(tokens.access).get("/api/auth/me").status_code == 200
    later = time.time() + timedelta(minutes=16).total_seconds()
    monkeypatch.setattr(time, "time", lambda: later)
    assert refused(bearer(tokens.access).get("/api/auth/me")) == "token_expired"


def test_deactivating_somebody_ends_her_tokens(
    alice: User, tokens: TokenPair, bearer: Bearer
) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert refused(bearer(tokens.access).get("/api/auth/me")) == "user_inactive"
    assert refused(post("refresh", tokens.refresh)) == "user_inactive"


def test_a_new_password_ends_the_tokens_made_with_the_old_one(
    alice: User, tokens: TokenPair, bearer: Bearer
) -> None:
    alice.set_password("something else entirely")
    alice.save()
    assert refused(bearer(tokens.access).get("/api/auth/me")) == "token_revoked"
    assert refused(post("refresh", tokens.refresh)) == "token_revoked"


# --- Rotation -------------------------------------------------------------------------------------
def test_a_refresh_token_gives_a_new_pair(tokens: TokenPair, bearer: Bearer) -> None:
    answer = post("refresh", tokens.refresh)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    pair = answer.json()
    assert pair["refreshToken"] != tokens.refresh
    assert bearer(pair["token"]).get("/api/auth/me").status_code == 200
    assert post("refresh", pair["refreshToken"]).status_code == 200


def test_all_tokens_of_a_sign_in_are_one_family(tokens: TokenPair) -> None:
    rotated = services.rotate_refresh(token=tokens.refresh)
    family = TokenFamily.objects.get()
    every = (tokens.access, tokens.refresh, rotated.access, rotated.refresh)
    assert {claims(token)["fam"] for token in every} == {str(family.uuid)}
    assert claims(rotated.refresh)["exp"] == family.expires_at.timestamp()


def test_a_refresh_token_used_twice_ends_its_sign_in(tokens: TokenPair, bearer: Bearer) -> None:
    thief = post("refresh", tokens.refresh).json()
    assert refused(post("refresh", tokens.refresh)) == "token_reused"
    family = TokenFamily.objects.get()
    assert family.revoked_reason == TokenFamily.Reason.REUSED
    assert refused(bearer(thief["token"]).get("/api/auth/me")) == "token_revoked"
    assert refused(post("refresh", thief["refreshToken"])) == "token_revoked"
    assert refused(bearer(tokens.access).get("/api/auth/me")) == "token_revoked"


def test_other_sign_ins_are_not_ended_by_it(alice: User, tokens: TokenPair, bearer: Bearer) -> None:
    phone = services.issue_tokens(user=alice)
    post("refresh", tokens.refresh)
    post("refresh", tokens.refresh)
    assert bearer(phone.access).get("/api/auth/me").status_code == 200


def test_an_expired_access_token_in_the_header_does_not_hinder(tokens: TokenPair) -> None:
    client = APIClient(headers={"Authorization": f"Bearer {forged(tokens.access, exp=1)}"})
    answer = client.post("/api/auth/refresh", {"refreshToken": tokens.refresh})
    assert answer.status_code == 200


@pytest.mark.parametrize("body", [{}, {"refreshToken": ""}, {"refreshToken": None}, [], "x"])
def test_a_missing_token_is_400(body: Any) -> None:
    assert APIClient().post("/api/auth/refresh", body).status_code == 400


def test_a_token_that_was_never_given_out_is_refused(tokens: TokenPair) -> None:
    assert refused(post("refresh", forged(tokens.refresh, jti="f" * 32))) == "token_invalid"


def test_the_tables_hold_no_token(tokens: TokenPair) -> None:
    services.rotate_refresh(token=tokens.refresh)
    assert set(OutstandingToken.objects.values_list("token", flat=True)) == {""}


def test_a_pair_shows_no_secret_of_its_own_accord(tokens: TokenPair) -> None:
    assert tokens.access not in repr(tokens)
    assert tokens.refresh not in repr(tokens)


@pytest.mark.django_db(transaction=True)
def test_of_callers_at_once_exactly_one_gets_tokens_and_the_family_ends(alice: User) -> None:
    pair = services.issue_tokens(user=alice)
    callers = 6
    together = threading.Barrier(callers)

    def refresh(_: int) -> str:
        try:
            connection.ensure_connection()
            together.wait(timeout=10)
            services.rotate_refresh(token=pair.refresh)
        except AuthenticationFailed as refusal:
            return str(refusal.get_codes())
        else:
            return "won"
        finally:
            connection.close()

    with ThreadPoolExecutor(callers) as pool:
        results = list(pool.map(refresh, range(callers)))
    assert results.count("won") == 1
    # One caller is told of the reuse; those who come after it find the family ended.
    assert (
        sorted(results)[:-1] == ["token_reused", *["token_revoked"] * (callers - 2)][: callers - 1]
    )
    assert TokenFamily.objects.get().revoked_reason == TokenFamily.Reason.REUSED


# --- Signing out ----------------------------------------------------------------------------------
def test_signing_out_ends_the_sign_in_and_may_be_repeated(
    tokens: TokenPair, bearer: Bearer
) -> None:
    assert post("logout", tokens.refresh).status_code == 204
    assert post("logout", tokens.refresh).status_code == 204
    assert refused(bearer(tokens.access).get("/api/auth/me")) == "token_revoked"
    assert refused(post("refresh", tokens.refresh)) == "token_revoked"
    assert TokenFamily.objects.get().revoked_reason == TokenFamily.Reason.SIGNED_OUT


def test_signing_out_with_nonsense_is_401() -> None:
    assert refused(post("logout", "x")) == "token_invalid"


def test_signing_out_everywhere_ends_all_of_hers_and_nobody_elses(
    alice: User, bob: User, bearer: Bearer
) -> None:
    hers = [services.issue_tokens(user=alice) for _ in range(2)]
    his = services.issue_tokens(user=bob)
    assert services.sign_out_everywhere(user=alice) == 2
    for pair in hers:
        assert refused(bearer(pair.access).get("/api/auth/me")) == "token_revoked"
    assert bearer(his.access).get("/api/auth/me").status_code == 200


def test_she_may_do_so_over_the_api(alice: User, tokens: TokenPair, bearer: Bearer) -> None:
    services.issue_tokens(user=alice)
    client = bearer(tokens.access)
    answer = client.post("/api/auth/logout-everywhere")
    assert (answer.status_code, answer.json()) == (200, {"ended": 2})
    assert refused(client.post("/api/auth/logout-everywhere")) == "token_revoked"


def test_an_api_key_cannot_end_her_sign_ins(alice: User, tokens: TokenPair) -> None:
    _, key = services.create_api_key(user=alice, name="k", scopes=["links:read"])
    answer = APIClient(headers={"X-API-Key": key}).post("/api/auth/logout-everywhere")
    assert (answer.status_code, answer.json()["code"]) == (403, "person_required")


def test_token_lifetimes_are_those_of_the_settings(tokens: TokenPair) -> None:
    for token, lifetime in (
        (AccessToken(tokens.access), timedelta(minutes=15)),
        (RefreshToken(tokens.refresh), timedelta(days=30)),
    ):
        # An access token's end is counted from the refresh token's moment, a tick before its own.
        assert 0 <= lifetime.total_seconds() - (token["exp"] - token["iat"]) <= 1
