"""Rules for the product's Python, each about one way in which such programs get broken into."""

import ast
import re
from collections.abc import Iterator

from tests.rules.source import Rule, Source

Found = Iterator[tuple[int, str]]

_CLIENTS = {
    "aiohttp", "ftplib", "http.client", "httpx", "imaplib", "poplib", "requests", "smtplib",
    "telnetlib", "urllib.request", "urllib3", "xmlrpc.client",
}  # fmt: skip
_CONNECTING = {"HTTPConnection", "HTTPSConnection", "create_connection", "open_connection"}
_MADE_BY_OTHERS = {"Redis", "StrictRedis", "from_url"}
_POSTGRESQL = {"psycopg.connect", "psycopg.Connection.connect", "psycopg.AsyncConnection.connect"}
_RUNS_WHAT_IT_READS = {"dill", "jsonpickle", "marshal", "pickle", "shelve"}
_BUILTINS = {"eval", "exec", "compile", "__import__"}
_SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
_WRITES = {
    "bulk_create", "bulk_update", "create", "delete", "get_or_create", "save", "select_for_update",
    "update", "update_or_create",
}  # fmt: skip
_DOORS = re.compile(r"/api/|/api\.py$|/views\.py$|/pages/|/consumer\.py$")
_LOGGERS = {"log", "logger", "_log", "_logger"}
_SAID_BY_CALLERS = {"body", "data", "POST", "GET", "FILES", "META", "COOKIES", "headers"}
_SECRET = re.compile(
    r"(?:^|_)(?:token|secret|digest|signature|hmac|mac|password|nonce|api_?key|credential)s?$"
)
_EQUALITY = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
_NOQA = re.compile(r"#\s*noqa:\s*(?P<codes>[A-Z0-9, ]+)(?P<why>.*)")


def network(source: Source) -> Found:
    """Connections are made by `monitoring.outbound`, which knows where strangers may lead us."""
    if source.path.startswith("monitoring/outbound/"):
        return
    for line, name in _imports(source):
        if name in _CLIENTS or name.removeprefix("http.client.") in _CONNECTING:
            yield line, f"{name} is for monitoring/outbound alone"
    for node in _calls(source):
        if _last(node.func) in {"create_connection", "urlopen"}:
            yield node.lineno, "a connection of its own; monitoring.outbound makes them"


def timeout(source: Source) -> Found:
    """Whoever waits for a network says for how long."""
    named = _named(source)
    for node in _calls(source):
        first, dot, rest = _dotted(node.func).partition(".")
        full = f"{named.get(first, first)}{dot}{rest}"
        name, given = full.rpartition(".")[2], {keyword.arg for keyword in node.keywords}
        if name in _CONNECTING and "timeout" not in given:
            yield node.lineno, f"{name} without a time-out"
        elif name in _MADE_BY_OTHERS and source.path != "monitoring/redis_clients.py":
            yield node.lineno, "clients of Redis come from monitoring.redis_clients"
        elif full in _POSTGRESQL and "connect_timeout" not in given:
            yield node.lineno, "PostgreSQL without a connect_timeout"


def html(source: Source) -> Found:
    """Text becomes HTML by the template's escaping; whatever goes around it says why."""
    for node in _calls(source):
        name = _last(node.func)
        if name in {"mark_safe", "SafeString", "SafeText"}:
            yield node.lineno, f"{name} takes a text for HTML"
        elif name == "format_html" and node.args and not _is_fixed(node.args[0]):
            yield node.lineno, "format_html of a text that is not fixed"


def sql(source: Source) -> Found:
    """A statement's text is fixed; what varies is a parameter."""
    for node in _calls(source):
        name = _last(node.func)
        if name in {"RawSQL", "extra", "raw"} and isinstance(node.func, ast.Attribute | ast.Name):
            yield node.lineno, f"{name} is SQL in the middle of a query"
        elif name in {"execute", "executemany", "mogrify"} and _is_composed(node.args[:1]):
            yield node.lineno, "SQL that is put together where it is executed"


def execution(source: Source) -> Found:
    """Nothing that was read is run."""
    for line, name in _imports(source):
        if name.split(".", maxsplit=1)[0] in _RUNS_WHAT_IT_READS:
            yield line, f"{name} runs what it reads"
    for node in _calls(source):
        name = _dotted(node.func)
        if isinstance(node.func, ast.Name) and name in _BUILTINS:
            yield node.lineno, f"{name} runs a text"
        elif name in {"yaml.load", "yaml.unsafe_load", "yaml.full_load"}:
            yield node.lineno, f"{name} makes objects of any class; safe_load does not"


def shell(source: Source) -> Found:
    """Programs are started by a list, so that no word of it is a command."""
    for node in _calls(source):
        if _dotted(node.func) in _SHELLS:
            yield node.lineno, f"{_dotted(node.func)} is a shell"
        for keyword in node.keywords:
            if keyword.arg == "shell" and not _is_false(keyword.value):
                yield node.lineno, "shell=True"


def door(source: Source) -> Found:
    """A view parses, calls one service, renders: rows are written by services."""
    if not _DOORS.search(f"/{source.path}"):
        return
    for node in _calls(source):
        if _last(node.func) in _WRITES and ".objects" in _dotted(node.func):
            yield node.lineno, f"a door writes: {_dotted(node.func)}"


def logged(source: Source) -> Found:
    """What a caller sent is in no log: it may hold anything."""
    for node in _calls(source):
        if isinstance(node.func, ast.Attribute) and _last(node.func.value) in _LOGGERS:
            for said in _said_of_requests(node):
                yield node.lineno, f"logs {said}"


def debug(source: Source) -> Found:
    """What runs in production does not ask whether it is development. Checks may."""
    if source.path.startswith(("config/", "monitoring/checks.py")):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr == "DEBUG":
            yield node.lineno, "DEBUG decides something here"


def comparison(source: Source) -> Found:
    """Secrets are compared in the same time whatever is wrong with them. With a constant, such as
    "" or None, it is asked whether there is one at all."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], _EQUALITY):
            continue
        sides = [node.left, *node.comparators]
        secret = next((name for name in map(_last, sides) if _SECRET.search(name)), "")
        if secret and not any(isinstance(side, ast.Constant) for side in sides):
            yield node.lineno, f"{secret} is compared by an operator; see constant_time_compare"


def reason(source: Source) -> Found:
    """An exemption from a security rule of ruff's says why, on its line or the one above."""
    for number, line in enumerate(source.lines, 1):
        found = _NOQA.search(line)
        if not found or not re.search(r"\bS\d{3}\b", found["codes"]):
            continue
        above = source.lines[number - 2].strip() if number > 1 else ""
        if len(found["why"].strip(" -")) < 5 and not above.startswith("#"):
            yield number, "an exemption without a reason"


RULES: dict[str, Rule] = {
    "comparison": comparison,
    "debug": debug,
    "door": door,
    "execution": execution,
    "html": html,
    "logged": logged,
    "network": network,
    "reason": reason,
    "shell": shell,
    "sql": sql,
    "timeout": timeout,
}


# --- Reading a tree -------------------------------------------------------------------------------
def _calls(source: Source) -> Iterator[ast.Call]:
    return (node for node in ast.walk(source.tree) if isinstance(node, ast.Call))


def _imports(source: Source) -> Iterator[tuple[int, str]]:
    """Lines, and names of modules and of what is taken out of them: "http.client.HTTPResponse"."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # Types of answers may be named anywhere.
            if node.module != "http.client":
                yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _named(source: Source) -> dict[str, str]:
    """What an import calls by another name, or takes out of its module, by that name."""
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        if isinstance(node, ast.ImportFrom)
        else alias.name
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }


def _last(node: ast.AST) -> str:
    """`c` of `a.b.c` and of `a.b.c()`."""
    if isinstance(node, ast.Call):
        return _last(node.func)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _dotted(node: ast.AST) -> str:
    """`a.b.c` as it is written; calls in between are left out."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Call):
        return _dotted(node.func)
    return getattr(node, "id", "")


def _is_false(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _is_fixed(node: ast.AST) -> bool:
    """A text, or a name for one: of a module's constants or of a table of them."""
    return isinstance(node, ast.Constant | ast.Name | ast.Subscript)


def _is_composed(arguments: list[ast.expr]) -> bool:
    """An f-string, "..." % x, "..." + x, "...".format(x), also encoded."""
    if not arguments:
        return False
    text = arguments[0]
    if isinstance(text, ast.Call) and isinstance(text.func, ast.Attribute):
        return text.func.attr == "format" or _is_composed([text.func.value])
    return isinstance(text, ast.JoinedStr | ast.BinOp)


def _said_of_requests(call: ast.Call) -> Iterator[str]:
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    attributes = (
        node for value in given for node in ast.walk(value) if isinstance(node, ast.Attribute)
    )
    for node in attributes:
        if node.attr in _SAID_BY_CALLERS and _last(node.value) in {"request", "_request"}:
            yield _dotted(node)
