"""A statement's text, told apart from its values. Imports no Django."""

import re

LONGEST = 2_000

# A literal may be cut off at the end of a text that PostgreSQL has shortened.
_TEXT_LITERAL = re.compile(
    r"'(?:[^']|'')*(?:'|$)|(?<![\w$])(\$(?:[^\W\d]\w*)?\$).*?(?:\1|$)", re.DOTALL
)
_NUMBER = re.compile(r"(?<![\w$.\"])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b(?!\")")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_SPACE = re.compile(r"\s+")
_LIST = re.compile(r"\((?:(?:%s|\?), ?)*(?:%s|\?)\)")
_ROWS = re.compile(r"\(…\)(?:, ?\(…\))+")
_PLACEHOLDER = re.compile(r"%%|%s|%\((\w+)\)s")

_READ = re.compile(r"\s*SELECT\b", re.IGNORECASE)
# A row lock, a table that is made, and what a function of PostgreSQL's own may do beside reading.
_DOES_MORE = re.compile(
    r"\b(?:FOR\s+(?:NO\s+KEY\s+|KEY\s+)?(?:UPDATE|SHARE)|INTO|nextval|setval|set_config|dblink\w*"
    r"|lo_\w+|pg_\w+)\b",
    re.IGNORECASE,
)
_PLANNED = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|MERGE|WITH)\b", re.IGNORECASE)


def shape(sql: str) -> str:
    """`sql` in one line and without its values: what two of one kind have in common."""
    text = _NUMBER.sub("?", hide_texts(_COMMENT.sub(" ", sql)))
    text = _ROWS.sub("(…), …", _LIST.sub("(…)", _SPACE.sub(" ", text).strip()))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def hide_texts(text: str) -> str:
    return _TEXT_LITERAL.sub("?", text)


def first_line(error: Exception) -> str:
    """Why it failed. The lines after it repeat the statement."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def has_a_plan(sql: str) -> bool:
    return bool(_PLANNED.match(sql))


def only_reads(sql: str) -> bool:
    """Whether asking twice is the same as asking once; no, when in doubt."""
    return bool(_READ.match(sql)) and not _DOES_MORE.search(sql)


def numbered(sql: str) -> tuple[str, int]:
    """(`sql` with PostgreSQL's own `$1`, `$2` in place of psycopg's placeholders, how many)."""
    names: dict[str, int] = {}

    def replace(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        name = match[1] or f" {len(names)}"  # no name of anybody's has a space
        return f"${names.setdefault(name, len(names) + 1)}"

    return _PLACEHOLDER.sub(replace, sql), len(names)
