"""Sentry and OpenTelemetry get what happened and no secrets; off, they are not even imported."""

import gzip
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import brotli
import pytest

from monitoring.exporters.scrubbing import scrub
from tests.sites import Site, answer, started_sites

SECRET = "hunter2hunter2"
CALLS = """
import logging, django
from wsgiref.util import setup_testing_defaults
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
environ = {
    "PATH_INFO": "/api/raise/unforeseen", "QUERY_STRING": "token=SECRET",
    "HTTP_PROXY_AUTHORIZATION": "Bearer SECRET", "HTTP_X_CORRELATION_ID": "0123456789abcdef",
    "REMOTE_ADDR": "203.0.113.7", "HTTP_X_FORWARDED_FOR": "203.0.113.8",
}
setup_testing_defaults(environ)
answer = application(environ, lambda *_: None)
answer.close()
logging.getLogger("x").error("failed with password=SECRET")
""".replace("SECRET", SECRET)
SENTRY_END = "import sentry_sdk; sentry_sdk.flush(5)"
OTEL_END = "from opentelemetry import trace; trace.get_tracer_provider().force_flush(5000)"


def installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # not even what it is a part of
        return False


@pytest.fixture
def start_site() -> Iterator[Callable[..., Site]]:
    yield from started_sites()


def run(program: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: both change the program they are started in."""
    settings = tmp_path / "settings_with_doors.py"
    settings.write_text("from config.settings import *\nROOT_URLCONF = 'tests.monitoring.doors'\n")
    env = os.environ | {"DJANGO_SETTINGS_MODULE": settings.stem} | environment
    env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    return subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip


def sent(site: Site) -> str:
    """Everything that came, as text, without the heads of the requests."""
    return b"\n".join(map(opened, site.requests)).decode("utf-8", "replace")


def opened(request: bytes) -> bytes:
    head, _, body = request.partition(b"\r\n\r\n")
    if encoding := re.search(rb"(?i)^content-encoding: *(\w+)", head, re.MULTILINE):
        return {b"br": brotli.decompress, b"gzip": gzip.decompress}[encoding[1]](body)
    return body


def test_off_nothing_of_them_is_imported(tmp_path: Path) -> None:
    # redis-py looks whether OpenTelemetry is there, and imports some of it then.
    names = ("sentry_sdk", "opentelemetry.exporter", "opentelemetry.instrumentation")
    looks = f"import sys; print([n for n in sys.modules if n.startswith({names})])"
    done = run(f"{CALLS}\n{looks}", tmp_path, SENTRY_DSN="", OTEL_EXPORTER_OTLP_ENDPOINT="")
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.parametrize(
    ("variable", "module", "extra"),
    [
        ("SENTRY_DSN", "sentry_sdk", "sentry"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "opentelemetry", "otel"),
    ],
)
def test_what_is_asked_for_and_not_there_is_said(
    tmp_path: Path, variable: str, module: str, extra: str
) -> None:
    hides = f"import sys; sys.modules[{module!r}] = None"
    done = run(f"{hides}\n{CALLS}", tmp_path, **{variable: "http://key@127.0.0.1:9/1"})
    assert done.returncode == 1
    assert f"{variable} is set" in done.stderr
    assert f"--extra {extra}" in done.stderr


@pytest.mark.skipif(not installed("sentry_sdk"), reason="the extra sentry is not installed")
def test_sentry_gets_the_error_with_its_correlation_id_and_no_secret(
    tmp_path: Path, start_site: Callable[..., Site]
) -> None:
    site = start_site(answer(b"{}", kind="application/json"))
    dsn = f"http://public@127.0.0.1:{site.port}/1"
    done = run(f"{CALLS}\n{SENTRY_END}", tmp_path, SENTRY_DSN=dsn)
    assert done.returncode == 0, done.stderr
    text = sent(site)
    assert '"type":"RuntimeError"' in text.replace(" ", "")
    assert "0123456789abcdef" in text
    assert "failed with password=[redacted]" in text
    assert SECRET not in text
    assert "203.0.113." not in text


@pytest.mark.skipif(
    not installed("opentelemetry.instrumentation.django"), reason="the extra otel is not installed"
)
def test_opentelemetry_gets_a_span_a_request_and_no_secret(
    tmp_path: Path, start_site: Callable[..., Site]
) -> None:
    site = start_site(answer(b"", kind="application/x-protobuf"))
    endpoint = f"http://127.0.0.1:{site.port}"
    done = run(f"{CALLS}\n{OTEL_END}", tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    assert done.returncode == 0, done.stderr
    text = sent(site)
    assert site.requests[0].startswith(b"POST /v1/traces")
    assert "api/raise/<kind>" in text
    assert "0123456789abcdef" in text
    assert "rallypoint" in text
    assert SECRET not in text
    assert "203.0.113." not in text


def test_secrets_are_found_however_deep_they_lie() -> None:
    deep: Any = {"password": SECRET, "kept": [1, None, True]}
    for _ in range(40):
        deep = {"inner": [deep, f"Bearer {SECRET}"]}
    assert SECRET not in str(scrub(deep))
    assert "kept" in str(scrub(deep))
