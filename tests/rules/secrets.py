"""Secrets that were committed by mistake, looked for in every file of the repository.

`KNOWN` are those that are none, each with its reason; one that is not there any more is said.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator

from tests.rules.source import ROOT, Finding

_MAX_BYTES = 1_000_000
_SHAPES = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z ]+ )?PRIVATE KEY-----"),
    "key of AWS": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "token of GitHub": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60,})"),
    "token of GitLab": re.compile(r"\bglpat-[\w-]{20}\b"),
    "token of Slack": re.compile(r"\bxox[abposr]-[\w-]{10,}|hooks\.slack\.com/services/T\w+/"),
    "key of Stripe": re.compile(r"\b[rs]k_live_[0-9A-Za-z]{20,}"),
    "key of Google": re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b"),
    "key of a model's host": re.compile(r"\bsk-[A-Za-z0-9_-]{32,}"),
    "key of age": re.compile(r"\bAGE-SECRET-KEY-1[0-9A-Z]{50,}"),
    "token of a package registry": re.compile(r"\bpypi-AgE[\w-]{50,}|\bnpm_[A-Za-z0-9]{36}\b"),
    "token": re.compile(r"\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{20,}"),
    "API key of ours": re.compile(r"\brp_[a-z0-9]{12}_[A-Za-z0-9]{43}\b"),
    "webhook's secret": re.compile(r"\bwhsec_[A-Za-z0-9+/]{24,}={0,2}"),
    "address of Sentry": re.compile(r"https?://[0-9a-f]{32}@[\w.-]+/\d+"),
    "password in an address": re.compile(
        r"\b(?:postgres(?:ql)?|rediss?|amqps?|mysql|mongodb(?:\+srv)?)://[^\s:/@\"'{}$]+"
        r":(?P<word>[^\s/@\"'{}$]{6,})@"
    ),
}
# What a setting of such a name is set to; only what nobody would think up is a secret.
_SET = re.compile(
    r"(?i)(?:secret|token|passw(?:or)?d|api_?key|private_?key|credential)[\w-]*[\"']?\s*[:=]\s*"
    r"[\"']?(?P<word>[A-Za-z0-9+/_=.-]{20,})"
)
_LEAST_BITS = 4.0  # of each character: words of a language have less, random ones more

KNOWN = {
    ("quests/api/webhook_serializers.py", "whsec_C2FVsBQ"): "the example of Standard Webhooks",
    ("tests/quests/test_webhooks_sending.py", "whsec_MfKQ9r8"): "the specification's test vector",
    (".env.example", "postgresql://user:password@"): "the shape of an address, with no password",
    ("Makefile", "-only-for-the-lint"): "says itself what it is; nothing is served with it",
    ("tests/config/test_environment.py", "postgresql://ada:p%40ss@"): "four characters, to be read",
    ("tests/monitoring/backups/test_making.py", "postgresql://rally:hunter2"): "what must not leak",
    ("tests/monitoring/test_doctor.py", "postgresql://rally:hunter2"): "what must not leak",
    ("tests/monitoring/test_redis_sentinel.py", "redis://ada:"): "of a test's own, to be read",
    ("tests/rules/secrets.py", "postgresql://"): "the lines above",

}  # fmt: skip


def looked_for(paths: list[str]) -> list[Finding]:
    used: set[tuple[str, str]] = set()
    found = [finding for path in paths for finding in _of_file(path, used)]
    return found + [
        Finding(path, 1, "secret", f"{start}… is not there any more: take it out of KNOWN")
        for path, start in KNOWN.keys() - used
        if path in paths
    ]


def in_line(line: str) -> Iterator[tuple[str, str]]:
    """Kinds of secrets, and the texts that look like one."""
    for kind, shape in _SHAPES.items():
        for match in shape.finditer(line):
            yield kind, match[0]
    for match in _SET.finditer(line):
        if _bits(match["word"]) >= _LEAST_BITS and not _is_code(match["word"]):
            yield "value of a secret's name", match["word"]


def _of_file(path: str, used: set[tuple[str, str]]) -> Iterator[Finding]:
    raw = (ROOT / path).read_bytes()[:_MAX_BYTES]
    if b"\0" in raw[:8192] or path.endswith(".lock"):
        return
    for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), 1):
        for kind, text in in_line(line) if len(line) < 5_000 else ():
            known = {one for one in KNOWN if one[0] == path and text.startswith(one[1])}
            used |= known
            if not known:
                yield Finding(path, number, "secret", f"{kind}: {text[:12]}…")


def _bits(word: str) -> float:
    counts = Counter(word).values()
    return -sum(count / len(word) * math.log2(count / len(word)) for count in counts)


def _is_code(word: str) -> bool:
    """A dotted name, a call's beginning or a sentence of words is no random text."""
    has_digit = any(letter.isdigit() for letter in word)
    return not has_digit or not any(letter.isalpha() for letter in word) or "." in word
