"""What the rules read, and what they find."""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGES = ("config", "quests", "links", "realtime", "accounts", "monitoring")
# "rule: network - the operator's own instance": on the line, or on the one above it.
_EXEMPTION = re.compile(r"rule: (?P<name>[a-z-]+) - (?P<why>.{10,}?)\s*(?:#\}|$)")

_MADE_HERE = {
    ".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv",
    "__pycache__", "node_modules", "var",
}  # fmt: skip
_RUFFS = {"execution": r"noqa: S506 - \w", "html": r"noqa: S308 - \w"}


class Finding(NamedTuple):
    """`line` counts from 1; `rule` is the name that an exemption gives."""

    path: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


class Source:
    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.lines = text.splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def is_exempt(self, line: int, rule: str) -> bool:
        """By a rule's own words, or by those with which ruff's rule for the same is answered."""
        near = self.lines[max(0, line - 2) : line]
        if any(found["name"] == rule for text in near if (found := _EXEMPTION.search(text))):
            return True
        return rule in _RUFFS and re.search(_RUFFS[rule], near[-1]) is not None


Rule = Callable[[Source], Iterator[tuple[int, str]]]


def found_in(source: Source, rules: dict[str, Rule]) -> list[Finding]:
    """What the rules say of it, without what is exempt for a reason."""
    return [
        Finding(source.path, line, name, message)
        for name, rule in rules.items()
        for line, message in rule(source)
        if not source.is_exempt(line, name)
    ]


def tracked() -> list[str]:
    """Every file of the repository, in the way in which git names it; of a copy without git, every
    file that is not made here."""
    if not (ROOT / ".git").exists():
        return list(_walked(ROOT))
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    return [path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file()]


def _walked(directory: Path) -> Iterator[str]:
    for path in sorted(directory.iterdir()):
        if path.is_dir() and not path.is_symlink() and path.name not in _MADE_HERE:
            yield from _walked(path)
        elif path.is_file():
            yield path.relative_to(ROOT).as_posix()


def sources(paths: list[str]) -> Iterator[Source]:
    for path in paths:
        yield Source(path, (ROOT / path).read_text(encoding="utf-8"))


def is_product(path: str) -> bool:
    return path.split("/", maxsplit=1)[0] in PACKAGES and "/migrations/" not in path
