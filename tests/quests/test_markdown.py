"""Markdown as HTML: what it may hold, and what nobody gets past it."""

import re

import pytest

from quests.markdown import render


def test_what_operators_write_becomes_html() -> None:
    text = "# Hi\n\n1. *one*\n2. **two** `x < y`\n\n> said\n\n```py\nprint(1)\n```\n\n---"
    html = render(text)
    for tag in ("h1", "ol", "li", "em", "strong", "code", "blockquote", "pre", "hr"):
        assert f"<{tag}" in html, tag
    assert "x &lt; y" in html


def test_links_lead_out_without_a_recommendation() -> None:
    for text in ("[a](https://example.com/ 'b')", "<https://example.com/>"):
        html = render(text)
        assert 'href="https://example.com/"' in html
        assert 'rel="nofollow noopener"' in html


@pytest.mark.parametrize(
    "attack",
    [
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](java\nscript:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](&#x6A;avascript&colon;alert(1))",
        "[x](\x01javascript:alert(1))",
        "[x](vbscript:msgbox(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](data:image/svg+xml;base64,PHN2Zz4=)",
        "[x]\n\n[x]: javascript:alert(1)",
        "<javascript:alert(1)>",
        "![x](https://example.com/x.png)",
        "![x](data:image/png;base64,AAAA)",
        '![x](x "onerror=\'alert(1)")',
        "<script>alert(1)</script>",
        "<ScRiPt src=//x></sCrIpT>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href=https://x onclick=alert(1)>x</a>",
        "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
        "<style>*{background:url(//x)}</style>",
        "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
        "<p style='position:fixed'>x</p>",
        "<!--><script>alert(1)</script>-->",
        '[x](https://e.com/"onmouseover="alert(1))',
        "`<img src=x onerror=alert(1)>`",
        "```<script>\nalert(1)\n```",
        "<form action=//x><input name=password></form>",
        "<base href=//x>",
        "<meta http-equiv=refresh content='0;url=//x'>",
    ],
)
def test_nothing_that_runs_or_loads_gets_through(attack: str) -> None:
    html = render(attack)
    tags = re.findall(r"<[^>]*>", html)
    names = {re.match(r"</?(\w+)", tag)[1] for tag in tags}  # type: ignore[index]
    assert names <= {"p", "a", "code", "pre", "h1", "h2"}, html
    for tag in tags:
        attributes = dict(re.findall(r'(\S+?)="([^"]*)"', tag))
        assert attributes.keys() <= {"href", "title", "rel"}, html
        address = attributes.get("href", "https://")
        assert re.match(r"https?://", address) or ":" not in address, html


def test_what_is_too_long_or_too_deep_is_rendered_all_the_same() -> None:
    assert "<blockquote>" in render(">" * 50_000)
    assert render("*" * 60_000)
