"""The settings, among themselves and against the world outside."""

import ssl
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.checks import CheckMessage, Error, run_checks
from django.db import DatabaseError
from django.http.request import validate_host

from monitoring.certificates import end_of
from monitoring.doctor.finding import Finding, Level, judge

FEW_DAYS = 14
_LOCAL = {"localhost", "127.0.0.1", "::1"}
_SAID_ELSEWHERE = {
    *("rallypoint.W001", "rallypoint.W002"),  # health checks measure these now
    "security.W009",  # rallypoint.E001
    "security.W008",  # the proxy in front redirects to TLS
}
# All three are what "TLS" says of an address without it.
_WITHOUT_TLS = {"security.W004", "security.W012", "security.W016"}
# What is true of the program, wherever it runs, is for who changes it.
_OF_THE_PROGRAM = "drf_spectacular."
_SCRIPT = "rallypoint/app.css"


def system_checks() -> Iterator[Finding]:
    found = [one for one in _checks() if _is_news(one)]
    for one in found:
        level = Level.ERROR if one.level >= Error("").level else Level.WARNING
        yield Finding(level, str(one.id), one.msg, one.hint or "Change the setting it names.")
    if not found:
        yield Finding(Level.OK, "system checks", "They have nothing to say.")


def _is_news(one: CheckMessage) -> bool:
    known = _SAID_ELSEWHERE | (set() if settings.HTTPS else _WITHOUT_TLS)
    is_ours = not str(one.id).startswith(_OF_THE_PROGRAM)
    return is_ours and one.id not in known and not one.is_silenced()


def _checks() -> list[CheckMessage]:
    try:
        return run_checks(include_deployment_checks=True, databases=["default"])
    except DatabaseError:  # that it is away is said elsewhere
        return run_checks(include_deployment_checks=True)


def names() -> Iterator[Finding]:
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    yield judge(
        "PUBLIC_URL",
        f"{settings.PUBLIC_URL} is where people find it.",
        wrong=not validate_host(host, settings.ALLOWED_HOSTS),
        fix=f"Add {host} to ALLOWED_HOSTS: Django refuses every request to that name.",
        level=Level.ERROR,
    )
    for domain in settings.LINK_DOMAINS:
        yield judge(
            "LINK_DOMAINS",
            f"{domain} has short addresses.",
            wrong=not validate_host(domain, settings.ALLOWED_HOSTS),
            fix=f"Add {domain} to ALLOWED_HOSTS: only its short addresses would be answered.",
        )


def certificate() -> Iterator[Finding]:
    """As a browser sees it, from here."""
    parts = urlsplit(settings.PUBLIC_URL)
    host = parts.hostname or ""
    if parts.scheme != "https":
        yield judge(
            "TLS",
            f"{settings.PUBLIC_URL} is not encrypted.",
            wrong=host not in _LOCAL,
            fix="Put a proxy with TLS in front, and https:// into PUBLIC_URL.",
        )
        return
    yield _certificate_of(parts.netloc)


def _certificate_of(host: str) -> Finding:
    try:
        days = (end_of(settings.PUBLIC_URL) - time.time()) / 86_400
    except ssl.SSLCertVerificationError as error:
        said = f"The certificate of {host} is refused: {error.verify_message}"
        return Finding(Level.ERROR, "TLS", said, "Renew it, for that very name, with its chain.")
    except OSError as error:
        said = f"{host} does not answer from here: {type(error).__name__}."
        return Finding(Level.WARNING, "TLS", said, "Is the proxy running, and the name known?")
    return judge(
        "TLS",
        f"The certificate of {host} is good for {days:.0f} days.",
        wrong=days < FEW_DAYS,
        fix="Renew it; see why nothing does so by itself.",
    )


def static_files() -> Iterator[Finding]:
    yield judge(
        "static files",
        "Pages find their styles and scripts.",
        wrong=finders.find(_SCRIPT) is None,
        fix=f"{_SCRIPT} is missing: is templates/static part of this installation?",
        level=Level.ERROR,
    )
