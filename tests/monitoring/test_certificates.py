"""Until when the certificate of the public address is good, as a browser would judge it."""

import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from monitoring.certificates import known_end, note_end
from tests.sites import Site, answer, started_sites

DAY = 86_400


@pytest.fixture
def start_site() -> Iterator[Callable[..., Site]]:
    yield from started_sites()


@pytest.fixture
def site(start_site: Callable[..., Site], tmp_path: Path) -> Site:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "20"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", tmp_path / "key.pem", "-out", tmp_path / "certificate.pem"),
        ],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    return start_site(answer(b""), tls=context)


def test_a_good_one_is_good_until_its_end(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    ends_at = note_end(f"https://127.0.0.1:{site.port}")
    assert ends_at == known_end() == pytest.approx(time.time() + 20 * DAY, abs=DAY)


def test_one_that_browsers_refuse_has_ended(site: Site) -> None:
    assert note_end(f"https://127.0.0.1:{site.port}") == pytest.approx(time.time(), abs=60)
    assert known_end() == pytest.approx(time.time(), abs=60)


def test_who_cannot_be_reached_says_nothing_of_it(unused_tcp_port: int) -> None:
    assert note_end(f"https://127.0.0.1:{unused_tcp_port}") is None
    assert known_end() is None
