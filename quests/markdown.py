"""What operators write in Markdown, as HTML that may stand on any page.

Raw HTML is text here, and images are links: a picture from somewhere else would tell its host of
every reader. What the renderer lets through goes through an allow-list once more.
"""

import re
from typing import Final

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

MAX_LENGTH = 50_000
_TAGS: Final = {
    "a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol",
    "p", "pre", "strong", "ul",
}  # fmt: skip
_ATTRIBUTES: Final = {"a": {"href", "title"}, "ol": {"start"}}
_SCHEMES: Final = {"http", "https", "mailto"}
_HEADING = re.compile(r"<(/?)h([1-6])>")
_markdown = MarkdownIt("commonmark", {"html": False}).disable("image")


def render(text: str) -> str:
    html = nh3.clean(
        _markdown.render(text[:MAX_LENGTH]),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="nofollow noopener",
    )
    return html.strip()


def render_within_page(text: str) -> SafeString:
    """Its headings stand below those of the page, of which there are two."""
    html = _HEADING.sub(lambda tag: f"<{tag[1]}h{min(6, int(tag[2]) + 2)}>", render(text))
    return mark_safe(html)  # noqa: S308 - what `render` has let through, with other numbers
