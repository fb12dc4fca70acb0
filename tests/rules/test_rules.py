"""Every rule finds what it is for and passes over what is like it; and the repository is clean."""

import pytest

from tests.rules import secrets
from tests.rules.__main__ import findings
from tests.rules.code import RULES
from tests.rules.pages import SCRIPT_RULES, TEMPLATE_RULES
from tests.rules.source import Rule, Source, found_in

BROKEN = {
    "network": [
        "import requests",
        "import urllib.request",
        "from urllib.request import urlopen",
        "from http import client\nimport http.client",
        "from http.client import HTTPSConnection",
        "import httpx as h",
        "def f():\n    import aiohttp",
        "socket.create_connection(('10.0.0.1', 80), timeout=1)",
    ],
    "timeout": [
        "HTTPConnection('example.com')",
        "socket.create_connection(address)",
        "asyncio.open_connection(host, 80)",
        "Redis(host='x')",
        "redis.asyncio.Redis.from_url(url)",
        "psycopg.connect(url)",
        "from redis import Redis as Client\nClient(host='x')",
        "from psycopg import connect as ask\nask(url)",
        "from psycopg import Connection\nConnection.connect(url)",
        "import psycopg as pg\npg.connect(url)",
        "from asyncio import open_connection as dial\ndial(host, 80)",
    ],
    "html": ["mark_safe(text)", "SafeString(name)", "format_html(f'<b>{name}</b>')",
             "format_html('<b>' + name + '</b>')"],
    "sql": [
        "cursor.execute(f'SELECT {name}')",
        "cursor.execute('SELECT %s' % name)",
        "cursor.execute('SELECT ' + name, [])",
        "cursor.executemany(TEXT.format(name), rows)",
        "connection.execute(f'SELECT {name}'.encode())",
        "Link.objects.raw(text)",
        "Link.objects.extra(where=[text])",
        "RawSQL(text, [])",
    ],
    "execution": ["import pickle", "from marshal import loads", "eval(text)", "exec(text)",
                  "compile(text, '', 'exec')", "yaml.load(text)", "import shelve"],
    "shell": ["subprocess.run('ls', shell=True)", "Popen(text, shell=wanted)",
              "os.system('ls')", "subprocess.getoutput('ls')"],
    "logged": [
        "log.info('sent', body=request.body)",
        "logger.warning('%s', request.data['name'])",
        "self._log.error('x', headers=dict(self.request.headers))",
        "log.exception('x', form=repr(request.POST))",
    ],
    "debug": ["if settings.DEBUG: pass", "shown = conf.settings.DEBUG"],
    "comparison": [
        "if token == given: pass",
        "same = key.secret != other",
        "ok = self.signature == sign(body)",
        "found = api_key in keys",
        "right = row.password == password",
        "ok = given == hmac",
    ],
    "reason": ["x = 1  # noqa: S105", "x = 1  # noqa: E501, S608", "x = 1  # noqa: S311 -"],
}  # fmt: skip
SOUND = {
    "network": ["from http.client import HTTPResponse", "import socket", "import urllib.parse",
                "from redis import Redis", "requests = []"],
    "timeout": ["HTTPConnection('x', timeout=2)", "psycopg.connect(url, connect_timeout=2)",
                "signal.connect(hear)", "connection.connect()",
                "from blinker import connect\nconnect(hear)"],
    "html": ["format_html('<b>{}</b>', name)", "format_html(SHAPE, name)", "escape(name)"],
    "sql": ["cursor.execute('SELECT %s', [name])", "cursor.execute(SELECT, values)",
            "pipeline.execute()", "logger.info('%s' % name)", "pool.execute(sql.encode())"],
    "execution": ["redis.eval(SCRIPT, 1)", "yaml.safe_load(text)", "re.compile(text)",
                  "import json"],
    "shell": ["subprocess.run(['ls'], shell=False)", "subprocess.run(['ls'])", "os.execv(p, c)"],
    "logged": ["log.info('sent', bytes=len(body))", "log.info('x', method=request.method)",
               "parse(request.data)", "log.info('x', status=answer.status)"],
    "debug": ["logging.getLogger().setLevel(level)", "settings.DATABASES"],
    "comparison": [
        "if token == '': pass",
        "if secret is None: pass",
        "ok = constant_time_compare(token, given)",
        "same = token_kind == kind",
        "if password_required != wanted: pass",
        "ordered = digests == sorted(digests)  # rule: comparison - of public files",
    ],
    "reason": ["x = 1  # noqa: S105 - a name, no secret", "# a story\nx = 1  # noqa: S311",
               "x = 1  # noqa: E501"],
}  # fmt: skip
DOOR_BROKEN = [
    "Link.objects.create(url=url)",
    "Link.objects.filter(pk=1).update(url=url)",
    "models.Link.objects.filter(owner=me).exclude(pk=2).delete()",
]
DOOR_SOUND = ["services.create_link(url=url)", "form.save()", "Link.objects.filter(pk=1).first()"]
TEMPLATES = {
    "html": ("{{ text|safe }}", "{{ text|striptags }}"),
    "form": ('<form method="post"></form>', '<form method="get"></form>'),
    "inline": ('<b onclick="x()">', '<b data-once="x" {% if one == two %}a="b"{% endif %}>'),
    "opener": ('<a target="_blank" href="x">', '<a target="_blank" rel="noopener" href="x">'),
}
MORE_BROKEN_TEMPLATES = {
    "html": ["{% autoescape off %}", "{{ rows | safeseq }}", "{% filter safe %}"],
    "inline": [
        "<script>x()</script>",
        '<a href="javascript:x()">',
        '<svg/onload=x()><i onload="x">',
    ],
}
SCRIPTS = {
    "html": ("part.innerHTML = text", "if (part.innerHTML !== other) go()"),
    "execution": ("setTimeout('x()', 3)", "setTimeout(show, 3)"),
}
# Put together here, so that no file holds a whole one.
SECRETS = [
    "-----BEGIN RSA " + "PRIVATE KEY-----",
    "AKIA" + "IOSFODNN7" + "EXAMPLE",
    "token = 'ghp_" + "a1B2" * 9 + "'",
    "rp_" + "abcdefghijkl" + "_" + "A1b2C3d4" * 5 + "xyz",
    "url = 'postgresql://rally:" + "hunter2hunter2" + "@db/rally'",
    "SECRET_KEY=" + "q7Zt1Lw9Xc4Vb2Nm8Kj5Hg3Fd6Sa0P",
    '"apiKey": "' + "9fK2mQ7xR4tY1wB8nL5cJ3vZ6" + '"',
    "password: " + "Tq8vX2mL9nR4bK7wJ1zC",
]
NO_SECRETS = [
    "SECRET_KEY=",
    "token = request.headers.get('X-Token', '')",
    "password=settings.REDIS_PASSWORD_FROM_FILE_1",
    "postgresql://$USER:$PASSWORD@db/name",
    "the_secret: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1",
]


def names(source: Source, rules: dict[str, Rule]) -> set[str]:
    return {finding.rule for finding in found_in(source, rules)}


@pytest.mark.parametrize(
    ("rule", "text"), [(rule, text) for rule, texts in BROKEN.items() for text in texts]
)
def test_what_a_rule_is_for_is_found(rule: str, text: str) -> None:
    assert rule in names(Source("links/page.py", text), RULES)


@pytest.mark.parametrize(
    ("rule", "text"), [(rule, text) for rule, texts in SOUND.items() for text in texts]
)
def test_what_is_only_like_it_is_passed_over(rule: str, text: str) -> None:
    assert rule not in names(Source("links/page.py", text), RULES)


@pytest.mark.parametrize("path", ["links/api/links.py", "accounts/views.py", "quests/pages/me.py"])
def test_doors_do_not_write(path: str) -> None:
    assert all("door" in names(Source(path, text), RULES) for text in DOOR_BROKEN)
    assert not any("door" in names(Source(path, text), RULES) for text in DOOR_SOUND)
    assert not names(Source("links/services.py", DOOR_BROKEN[0]), RULES)


@pytest.mark.parametrize("rule", TEMPLATES)
def test_templates_are_read_too(rule: str) -> None:
    broken, sound = TEMPLATES[rule]
    for text in (broken, *MORE_BROKEN_TEMPLATES.get(rule, ())):
        assert rule in names(Source("templates/x.html", text), TEMPLATE_RULES), text
    assert rule not in names(Source("templates/x.html", sound), TEMPLATE_RULES)


@pytest.mark.parametrize("rule", SCRIPTS)
def test_so_are_scripts(rule: str) -> None:
    broken, sound = SCRIPTS[rule]
    assert rule in names(Source("links/static/x.js", broken), SCRIPT_RULES)
    assert rule not in names(Source("links/static/x.js", sound), SCRIPT_RULES)


def test_an_exemption_counts_with_its_reason_alone_and_for_its_rule_alone() -> None:
    for comment, is_exempt in [
        ("# rule: shell - started by an operator", True),
        ("# rule: shell", False),
        ("# rule: shell - no", False),
        ("# rule: sql - started by an operator", False),
    ]:
        for text in (f"{comment}\nos.system('ls')", f"os.system('ls')  {comment}"):
            assert ("shell" not in names(Source("links/x.py", text), RULES)) is is_exempt, text


@pytest.mark.parametrize("line", SECRETS)
def test_a_secret_is_found(line: str) -> None:
    assert list(secrets.in_line(line))


@pytest.mark.parametrize("line", NO_SECRETS)
def test_what_is_none_is_not(line: str) -> None:
    assert not list(secrets.in_line(line))


def test_what_was_known_and_is_gone_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "KNOWN", {("README.md", "never there"): "for this test"})
    (said,) = secrets.looked_for(["README.md"])
    assert "not there any more" in said.message


def test_the_repository_keeps_every_rule() -> None:
    assert findings() == []
