"""What every page needs and no view should have to pass on."""

from typing import Any
from urllib.parse import urlsplit

from django import template
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def version() -> str:
    return str(settings.VERSION)


@register.simple_tag
def asset(path: str) -> str:
    """A static file of ours. What our scripts load themselves has no hash in its name: the query,
    which they pass on, ends an old copy's life in the browser."""
    collected: Any = staticfiles_storage  # CollectedFilesStorage
    return f"{static(path)}?v={collected.manifest_hash or settings.VERSION}"


@register.filter
def number(value: int) -> str:
    """1234567 as 1,234,567."""
    return f"{value:,}"


@register.filter
def bare(url: str) -> str:
    """An address as people say it: without the scheme."""
    return url.partition("://")[2] or url


@register.filter
def host(url: str) -> str:
    """Where an address leads; app links such as `mailto:` have no host and name their scheme."""
    parts = urlsplit(url)
    return parts.hostname or f"{parts.scheme}:"


@register.filter
def after_host(url: str) -> str:
    """What follows the host, unless it is nothing but a slash."""
    parts = urlsplit(url)
    rest = url.partition(parts.netloc)[2] if parts.netloc else url.partition(":")[2]
    return "" if rest == "/" else rest


@register.filter
def ticked(text: str) -> SafeString:
    """What stands between backticks as code."""
    shapes = ("{}", "<code>{}</code>")
    parts = enumerate(text.split("`"))
    pieces = [(format_html(shapes[number % 2], part),) for number, part in parts]
    return format_html_join("", "{}", pieces)
