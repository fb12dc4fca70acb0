"""Secure targets: the name decides, and somebody must vouch for it."""

import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from monitoring.outbound import Connector, Deadline, OutboundError, Request, ask
from tests.sites import HERE, Site, answer, started_sites, towards

serve = pytest.fixture(started_sites, name="serve")


class Authority:
    """Certificates of our own, for names of our own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Rally Test CA")])
        certificate = self._sign(self._name, self._key, is_authority=True)
        self.trust = ssl.create_default_context(
            cadata=certificate.public_bytes(serialization.Encoding.PEM).decode()
        )

    def server(self, *names: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        certificate = self._sign(subject, key, names=names)
        path = self._directory / f"{names[0]}.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        names: Sequence[str] = (),
        is_authority: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_san(name) for name in names]), critical=False
            )
        return builder.sign(self._key, hashes.SHA256())


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


def status_of(connector: Connector, url: str = "https://example.test/") -> int:
    request = Request("GET", urlsplit(url), {})
    with ask(request, connector=connector, deadline=Deadline(5), budget=1_000) as response:
        return response.status


def test_a_secure_page_is_asked_for_by_its_name(
    serve: Callable[..., Site], authority: Authority
) -> None:
    asked: list[str | None] = []
    context = authority.server("example.test")
    context.sni_callback = lambda _, name, __: asked.append(name)
    site = serve(answer(), tls=context)
    connector = towards(site, tls=authority.trust)
    assert status_of(connector, "https://example.test./") == 200
    assert asked == ["example.test"]
    assert b"Host: example.test\r\n" in site.requests[0]


def test_a_certificate_that_nobody_vouches_for_is_refused(
    serve: Callable[..., Site], authority: Authority
) -> None:
    site = serve(answer(), tls=authority.server("example.test"))
    with pytest.raises(OutboundError, match="tls_failed"):
        status_of(towards(site))
    assert site.requests == []


def test_a_certificate_for_another_name_is_refused(
    serve: Callable[..., Site], authority: Authority
) -> None:
    site = serve(answer(), tls=authority.server("other.test", HERE))
    connector = towards(site, tls=authority.trust)
    with pytest.raises(OutboundError, match="tls_failed"):
        status_of(connector)
    assert site.requests == []
