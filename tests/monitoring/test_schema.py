"""The API's description says what every answer of ours has in common, and is a valid one."""

import io
import json
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

CORRELATION = {"$ref": "#/components/parameters/CorrelationId"}
IDEMPOTENCY = {"$ref": "#/components/parameters/IdempotencyKey"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    generator: Any = SchemaGenerator(urlconf="tests.monitoring.doors")  # type: ignore[no-untyped-call]
    made = json.loads(json.dumps(generator.get_schema(request=None, public=True), default=str))
    validate_schema(made)
    found: dict[str, Any] = made
    return found


def statuses(document: dict[str, Any], path: str, method: str) -> set[str]:
    return {s for s in document["paths"][path][method]["responses"] if s >= "400"}


def test_a_creating_post_documents_every_way_that_it_can_go_wrong(document: Any) -> None:
    assert statuses(document, "/api/make", "post") == {
        "400", "401", "403", "409", "422", "429", "503",
    }  # fmt: skip
    assert {"404"} <= statuses(document, "/api/make/{number}", "post")


def test_a_public_read_needs_no_caller(document: Any) -> None:
    assert statuses(document, "/api/raise/{kind}", "get") == {"404", "429", "503"}


def test_problems_are_one_schema(document: Any) -> None:
    response = document["components"]["responses"]["Problem429"]
    assert response["content"] == {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    }
    assert set(response["headers"]) == {"X-Correlation-Id", "Retry-After"}


def test_the_shared_headers_are_parameters(document: Any) -> None:
    assert document["paths"]["/api/make"]["post"]["parameters"] == [CORRELATION, IDEMPOTENCY]
    assert document["paths"]["/api/echo"]["post"]["parameters"] == [CORRELATION]


def test_every_answer_carries_the_correlation_id(document: Any) -> None:
    for path in document["paths"].values():
        for operation in path.values():
            for response in operation["responses"].values():
                assert "$ref" in response or "X-Correlation-Id" in response["headers"]


def test_a_list_documents_its_query_and_its_page(document: Any) -> None:
    operation = document["paths"]["/api/users"]["get"]
    parameters = {p["name"]: p["schema"] for p in operation["parameters"] if "name" in p}
    assert set(parameters) == {"search", "sort", "cursor", "limit"}
    assert parameters["sort"]["enum"] == [
        "name", "-name", "joined", "-joined", "lastLogin", "-lastLogin",
    ]  # fmt: skip
    assert parameters["limit"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}
    page = document["components"]["schemas"]["PaginatedPersonOutputList"]
    assert page["required"] == ["next", "previous", "results"]


def test_names_are_those_of_the_wire(document: Any) -> None:
    fields = document["components"]["schemas"]["PersonOutput"]["properties"]
    assert set(fields) == {"username", "firstName", "dateJoined"}
    assert fields["dateJoined"]["format"] == "date-time"


def test_our_own_document_is_valid_and_has_no_warning() -> None:
    call_command(
        "spectacular", validate=True, fail_on_warn=True, urlconf="monitoring.urls",
        stdout=io.StringIO(),
    )  # fmt: skip


# --- its doors ---


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", "application/vnd.oai.openapi"),
        ("application/json", "application/json"),
        ("application/vnd.oai.openapi+json", "application/vnd.oai.openapi+json"),
    ],
)
def test_it_is_given_in_the_form_that_is_asked_for(
    client: Client, accept: str, content_type: str
) -> None:
    response = client.get("/api/schema/", headers={"Accept": accept})
    assert response.status_code == 200
    assert response["Content-Type"] == content_type
    assert b"3.1.1" in response.content
    assert response["X-Correlation-Id"]


def test_who_has_it_already_is_told_so(client: Client) -> None:
    etag = client.get("/api/schema/")["ETag"]
    response = client.get("/api/schema/", headers={"If-None-Match": etag})
    assert (response.status_code, response.content) == (304, b"")


def test_its_page_has_nothing_that_our_content_policy_forbids(client: Client) -> None:
    page = client.get("/api/docs/")
    text = page.content.decode()
    assert "default-src 'self'" in page["Content-Security-Policy"]
    assert "<style" not in text
    assert " style=" not in text
    assert text.count("<script src=") == text.count("<script") == 4
    assert "//" not in text.replace("<!doctype", "")


def test_every_file_of_its_page_is_ours_and_there(client: Client) -> None:
    text = client.get("/api/docs/").content.decode()
    addresses = [part.split('"')[0] for part in text.replace("href=", "src=").split('src="')[1:]]
    assert len(addresses) == 7
    for address in addresses:
        response = client.get(address.replace("&amp;", "&"))
        assert response.status_code == 200, address
