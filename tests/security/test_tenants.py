"""Bob meets Alice's things: nothing that is hers is found, shown or changed by him."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from realtime.models import Room
from realtime.rooms import create_room
from tests.security.cast import Tenant, ask, body_of, is_private, key_of, send, text_of, undone
from tests.security.operations import document, operations
from tests.security.rows import changed, digests

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]
FOREIGN = "/api/webhooks/{public_id}/deliveries/{delivery_id}/resend"
# Members of bodies that name a thing of somebody's, by schema: each has a test below.
NAMING = {
    "CampaignInputRequest": set(),
    "DirectInputRequest": {"userId"},
    "LinkInputRequest": {"campaign"},
    "PatchedLinkChangeRequest": {"campaign"},
}


@pytest.fixture(params=["session", "key"])
def bobs(request: Any, his: Tenant, api: Api) -> APIClient:
    """Signed in, or by a key with every scope that a person can hold."""
    return api(his.user) if request.param == "session" else key_of(his.user)


def test_no_method_reaches_anothers_things(hers: Tenant, bobs: APIClient) -> None:
    before, wrong = digests(), []
    for operation in operations():
        if not is_private(operation.path):
            continue
        with undone():
            address = hers.address_of(operation.path)
            status = send(bobs, operation.method, address, body_of(operation)).status_code
            tables = changed(before)
            if status not in {403, 404} or tables:
                wrong.append((str(operation), status, tables))
    assert not wrong


def test_what_is_not_hers_and_what_is_not_there_look_the_same(
    hers: Tenant, his: Tenant, api: Api
) -> None:
    """An id must not be worth guessing: Alice's and nobody's are refused with one code."""
    nobodys = Tenant(
        hers.user, {name: _nobodys(name, id_) for name, id_ in hers.things.items()}, set()
    )
    client, told = api(his.user), []
    for operation in operations():
        if not is_private(operation.path):
            continue
        answers = {
            (answer.status_code, answer.json()["code"])
            for tenant in (hers, nobodys)
            for answer in [
                ask(client, operation, tenant.address_of(operation.path), body_of(operation))
            ]
        }
        if len(answers) > 1:
            told.append((str(operation), answers))
    assert not told


def test_no_list_and_no_page_of_his_shows_what_is_hers(
    hers: Tenant, his: Tenant, bobs: APIClient
) -> None:
    shown = []
    for operation in operations():
        if operation.method != "GET":
            continue
        text = text_of(ask(bobs, operation, his.address_of(operation.path)))
        shown += [(str(operation), mark) for mark in hers.marks if mark in text]
    assert not shown


def test_his_own_lists_show_what_is_his(his: Tenant, api: Api) -> None:
    """Or the lists above would be empty for another reason."""
    client = api(his.user)
    texts = "".join(
        text_of(ask(client, operation, his.address_of(operation.path)))
        for operation in operations()
        if operation.method == "GET"
    )
    reviewed = {his.things["evidence"]}  # operators see it, and he by his own quest
    assert {mark for mark in his.marks if mark not in texts} <= reviewed


def test_her_delivery_is_not_found_under_his_webhook(
    hers: Tenant, his: Tenant, bobs: APIClient
) -> None:
    before = digests()
    address = FOREIGN.replace("{public_id}", his.things["webhook"])
    answer = bobs.post(address.replace("{delivery_id}", hers.things["delivery"]))
    assert answer.status_code in {403, 404}
    assert changed(before) == []


# --- Her ids in his bodies ------------------------------------------------------------------------
def test_every_body_that_names_a_thing_by_its_id_is_known_here() -> None:
    found: dict[str, set[str]] = {}
    for name, schema in document()["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            if name.endswith("Request") and described.get("format") == "uuid":
                found.setdefault(name, set()).add(field)
    assert found == {name: fields for name, fields in NAMING.items() if fields}, (
        "A body names something by its id: add a test of a foreign one, and its name to NAMING."
    )


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/links", {"url": "https://example.com/", "campaign": "{campaign}"}),
        ("PATCH", "/api/links/{link}", {"campaign": "{campaign}"}),
        (
            "POST",
            "/api/links/bulk",
            {"links": [{"url": "https://example.com/", "campaign": "{campaign}"}]},
        ),
    ],
)
def test_her_campaign_takes_none_of_his_links(
    hers: Tenant, his: Tenant, bobs: APIClient, method: str, path: str, body: Any
) -> None:
    before = digests()
    filled = _filled(body, hers.things)
    answer = send(bobs, method, path.format(**his.things), filled)
    assert "campaign" in answer.content.decode()
    assert changed(before) == []


@pytest.mark.parametrize("query", ["campaign={campaign}", "search={link}", "link={link}"])
@pytest.mark.parametrize("path", ["/api/links", "/api/stats/overview", "/api/stats/top-links"])
def test_her_ids_as_filters_select_nothing(
    hers: Tenant, bobs: APIClient, path: str, query: str
) -> None:
    text = bobs.get(f"{path}?{query.format(**hers.things)}").content.decode()
    told = hers.marks - {hers.things["campaign"], hers.things["link"]}
    assert not [mark for mark in told if mark in text]


def test_what_two_say_to_each_other_is_nobody_elses(
    hers: Tenant, his: Tenant, charlie: User, api: Api
) -> None:
    made = api(hers.user).post("/api/rooms/direct", {"userId": str(his.user.public_id)})
    address = f"/api/rooms/{made.json()['slug']}"
    for path in (address, f"{address}/messages", f"{address}/members", f"{address}/presence"):
        assert api(charlie).get(path).status_code == 404
    assert api(charlie).post(f"{address}/messages", {"body": "hello"}).status_code == 404


@pytest.mark.parametrize("change", [{"role": "owner"}, {"role": "moderator"}, {"banned": True}])
def test_in_a_public_room_of_hers_he_makes_himself_nothing(
    hers: Tenant, his: Tenant, bobs: APIClient, change: dict[str, Any]
) -> None:
    create_room(creator=hers.user, slug="lobby", name="Lobby", kind=Room.Kind.PUBLIC)
    bobs.put(f"/api/rooms/lobby/members/{his.user.public_id}", {})
    before = digests()
    for member in (his.user, hers.user):
        answer = bobs.put(f"/api/rooms/lobby/members/{member.public_id}", change)
        assert answer.status_code == 403
    assert changed(before) == []


def _nobodys(name: str, thing: str) -> str:
    """Of the same shape; what is everybody's stays."""
    if name in {"quest", "season", "raffle", "kind", "message", "step", "name"}:
        return thing
    if name == "room":
        return "room-of-nobody"
    if name == "wallet":
        return "0x" + "9" * 40
    return thing[:-12] + "0" * 12


def _filled(body: Any, things: dict[str, str]) -> Any:
    if isinstance(body, dict):
        return {name: _filled(value, things) for name, value in body.items()}
    if isinstance(body, list):
        return [_filled(value, things) for value in body]
    return body.format(**things)
