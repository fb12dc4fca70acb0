"""What docs/webhooks.md tells receivers to do works on what we send."""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from quests.webhooks.signing import new_secret, sign

BODY = '{"type":"quest.completed","data":{"name":"Größe"}}'.encode()


def code(language: str) -> str:
    page = Path(settings.BASE_DIR, "docs", "webhooks.md").read_text()
    (found,) = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    return str(found)


def signed(*, age: float = 0) -> tuple[str, dict[str, str]]:
    secret, timestamp = new_secret(), int(time.time() - age)
    signature = sign(secret, message_id="m1", timestamp=timestamp, body=BODY)
    headers = {
        "Webhook-Id": "m1",
        "Webhook-Timestamp": str(timestamp),
        "Webhook-Signature": f"v1,AAAA {signature}",
    }
    return secret, headers


def in_python(secret: str, headers: dict[str, str], body: bytes) -> bool:
    names: dict[str, Any] = {}
    exec(code("python"), names)  # noqa: S102 - our own page
    return bool(names["is_genuine"](secret, headers, body))


def in_javascript(secret: str, headers: dict[str, str], body: bytes) -> bool:
    if shutil.which("node") is None:
        pytest.skip("needs node")
    given = [secret, {name.lower(): value for name, value in headers.items()}, body.decode()]
    script = (
        f"{code('javascript')}\nconst [secret, headers, body] = {json.dumps(given)};"
        "console.log(isGenuine(secret, headers, Buffer.from(body)));"
    )
    done = subprocess.run(["node", "-e", script], capture_output=True, check=True, timeout=60)
    return done.stdout.strip() == b"true"


@pytest.mark.parametrize("is_genuine", [in_python, in_javascript])
def test_a_receiver_knows_ours_from_others(is_genuine: Any) -> None:
    secret, headers = signed()
    assert is_genuine(secret, headers, BODY)
    assert not is_genuine(secret, headers, BODY + b" ")
    assert not is_genuine(new_secret(), headers, BODY)
    assert not is_genuine(secret, headers | {"Webhook-Id": "m2"}, BODY)
    assert not is_genuine(*signed(age=301), BODY)
