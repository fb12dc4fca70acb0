"""SECURITY.md speaks of tests that are there."""

import re

from tests.rules.source import ROOT

_TEST = re.compile(r"`(tests/[\w/.]+)`")


def test_what_it_says_is_shown_by_tests_that_exist() -> None:
    named = set(_TEST.findall((ROOT / "SECURITY.md").read_text()))
    assert len(named) > 30
    assert not {path for path in named if not (ROOT / path).exists()}


def test_every_test_of_this_folder_is_named() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    ours = {path.name for path in (ROOT / "tests/security").glob("test_*.py")}
    assert not {name for name in ours - {"test_document.py"} if name not in text}
