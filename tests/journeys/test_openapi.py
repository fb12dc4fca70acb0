"""What the API does is what its document says: schemathesis against the served product."""

import subprocess
import sys

import pytest

from tests.accounts.siwe import TestWallet
from tests.stack import Stack, token_of

pytestmark = pytest.mark.xdist_group("second stack")

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


@pytest.fixture(scope="module")
def callers(stack: Stack) -> dict[str, list[str]]:
    """Options that make requests somebody's."""
    token = token_of(stack.sign_in(TestWallet(b"\x0d" * 32)))
    return {
        "a key": ["--header", f"X-API-Key: {stack.key}"],
        # Signing out would make the rest of it nobody's.
        "a person": [
            "--header",
            f"Authorization: Bearer {token}",
            "--exclude-path-regex",
            "/auth/",
        ],
    }


@pytest.mark.timeout(600)
@pytest.mark.parametrize("caller", ["a key", "a person"])
def test_no_answer_is_a_5xx_or_undocumented(
    stack: Stack, callers: dict[str, list[str]], caller: str, long_form: bool
) -> None:
    """The long form adds every bound of every parameter: thousands of requests."""
    amount = ("examples,coverage,fuzzing", "20") if long_form else ("examples,fuzzing", "3")
    done = subprocess.run(
        [
            f"{sys.prefix}/bin/schemathesis", "run", f"{stack.url}/api/schema/?format=json",
            *callers[caller], "--checks", ",".join(CHECKS),
            "--phases", amount[0], "--max-examples", amount[1],
            "--generation-deterministic", "--no-color",
        ],
        capture_output=True, text=True, timeout=590, check=False, cwd=stack.directory,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-8000:]
