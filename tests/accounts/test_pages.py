"""/login, /logout and the lock as people see it."""

import pytest
from django.test import Client

from accounts.models import User
from tests.accounts.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _passwords(alice: User, operator: User) -> None:
    for user in (alice, operator):
        user.set_password(PASSWORD)
        user.save()


def post(client: Client, path: str, username: str, password: str) -> int:
    return client.post(path, {"username": username, "password": password}).status_code


def test_alice_signs_in_and_goes_where_she_wanted(client: Client) -> None:
    page = client.get("/login?next=/somewhere")
    assert page.status_code == 200
    assert "csrfmiddlewaretoken" in page.content.decode()
    answer = client.post(
        "/login", {"username": "alice", "password": PASSWORD, "next": "/somewhere"}
    )
    assert (answer.status_code, answer["Location"]) == (302, "/somewhere")


def test_she_is_not_sent_to_another_site(client: Client, settings: object) -> None:
    form = {"username": "alice", "password": PASSWORD, "next": "https://evil.example/"}
    assert client.post("/login", form)["Location"] == "/links"


def test_signing_out_needs_a_post(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.get("/logout").status_code == 405
    assert client.post("/logout").status_code == 302
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(("path", "name"), [("/login", "alice"), ("/admin/login/", "operator")])
def test_the_lock_is_a_page_for_people(client: Client, path: str, name: str) -> None:
    assert [post(client, path, name, "wrong") for _ in range(5)] == [200, 200, 200, 200, 429]
    form = {"username": name, "password": PASSWORD}
    locked = client.post(path, form, headers={"Accept": "text/html,*/*;q=0.8"})
    assert locked.status_code == 429
    assert int(locked["Retry-After"]) > 0
    assert locked["Content-Type"].startswith("text/html")
    assert "Try again in 15 min." in locked.content.decode()


def test_the_lock_is_one_for_pages_and_api(client: Client) -> None:
    for _ in range(5):
        post(client, "/login", "alice", "wrong")
    body = {"username": "alice", "password": PASSWORD}
    assert client.post("/api/auth/token", body, "application/json").status_code == 429


@pytest.mark.parametrize("username", ["a\x00b", "x" * 400, "\ufdfa" * 150])
def test_strange_names_are_merely_wrong(client: Client, username: str) -> None:
    assert post(client, "/login", username, "x") == 200
