"""What the API does is what its document says: schemathesis against the served product."""

import subprocess
import sys

import pytest

from tests.stack import Stack

pytestmark = pytest.mark.xdist_group("second stack")

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


@pytest.mark.timeout(300)
def test_no_answer_is_a_5xx_or_undocumented(stack: Stack) -> None:
    done = subprocess.run(
        [
            f"{sys.prefix}/bin/schemathesis", "run", f"{stack.url}/api/schema/?format=json",
            "--header", f"X-API-Key: {stack.key}", "--checks", ",".join(CHECKS),
            "--phases", "examples,coverage,fuzzing", "--max-examples", "2",
            "--generation-deterministic", "--no-color",
        ],
        capture_output=True, text=True, timeout=290, check=False, cwd=stack.directory,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-8000:]
