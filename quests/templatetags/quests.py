"""What pages say of players and of what speaks for them."""

from datetime import datetime

from django import template
from django.conf import settings
from django.utils.timesince import timesince

from accounts.models import User
from quests.demo_players import may_sign_in
from quests.levels import Span, span_of

register = template.Library()
_TINTS = 6


@register.filter
def tint(user: User) -> int:
    """Which of the colours of faces is hers; always the same."""
    return user.pk % _TINTS + 1


@register.filter
def initial(user: User) -> str:
    name = user.username.removeprefix("0x") or "?"
    return name[0].upper()


@register.filter
def level(xp: int) -> Span:
    return span_of(xp)


@register.filter
def short_wallet(address: str) -> str:
    """`0x52Ab…9fcD`."""
    return f"{address[:6]}…{address[-4:]}"


@register.filter
def ago(at: datetime) -> str:
    """In one unit: nobody asks for minutes after days."""
    passed = timesince(at, depth=1)
    return "just now" if passed.startswith("0") else f"{passed} ago"


@register.filter
def signed(amount: int) -> str:
    """XP with its sign, which for what is taken is a minus and not a hyphen."""
    return f"{amount:+,}".replace("-", "−")  # noqa: RUF001 - the minus is meant


@register.simple_tag
def demo_sign_in() -> bool:
    """Whether the page of signing in offers a player of the demo."""
    return may_sign_in()


@register.simple_tag
def csrf_cookie() -> str:
    """Where scripts find what a POST of theirs must carry."""
    return str(settings.CSRF_COOKIE_NAME)
