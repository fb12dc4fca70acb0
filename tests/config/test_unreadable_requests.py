"""What is no request is answered by the server itself, and looks like every other answer."""

import json
import socket

import pytest

from tests.monitoring.test_security_headers import COMPLETE
from tests.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")
HEAD = b"GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n"


def answered(stack: Stack, sent: bytes) -> tuple[bytes, dict[str, str], bytes]:
    """(status line, headers, body), after which the server has closed the connection."""
    with socket.create_connection(("127.0.0.1", stack.port), timeout=20) as connection:
        connection.sendall(sent)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    pairs = (line.decode().split(": ", 1) for line in lines)
    return status, {name.lower(): value for name, value in pairs}, body


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"no <b>HTTP</b>\r\n\r\n", 400, "unreadable_request"),
        (b"GET /%s HTTP/1.1\r\n\r\n" % (b"<b>" * 5000), 414, "address_too_long"),
        (HEAD + b"X-A: <b>\r\n" * 200 + b"\r\n", 431, "headers_too_large"),
    ],
    ids=["no HTTP", "a long line", "many headers"],
)
def test_what_is_no_request_is_refused_in_the_form_of_all_answers(
    stack: Stack, sent: bytes, status: int, code: str
) -> None:
    line, headers, body = answered(stack, sent)
    assert line.startswith(f"HTTP/1.1 {status} ".encode())
    assert headers.keys() >= COMPLETE
    assert headers["content-type"] == "application/problem+json"
    assert int(headers["content-length"]) == len(body)
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["correlationId"] == headers["x-correlation-id"]
    assert b"<b>" not in body
    assert stack.answers()
