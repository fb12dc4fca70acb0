"""What a slug may be, and what two spellings of it have in common."""

import re
import secrets
import unicodedata

MAX_LENGTH = 128
# Generated slugs: 7 of 30 characters, about 2 * 10^10. No vowel pairs to misread aloud, none of
# 0/o, 1/i/l; lower case alone, because slugs are unique without regard to case.
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
GENERATED_LENGTH = 7

# First path segments that are or may become pages of ours. Real routes are added to these from
# the URL configuration (links.reserved), so that a new page can never be shadowed by an old list.
_RESERVED_WORDS = """
    about account admin api app assets auth blog board campaigns cdn chat contact dashboard docs
    download embed evidence favicon.ico feed health help home humans.txt index invite join
    leaderboard legal links live login logout mail manifest.json me media metrics monitoring new
    news page ping pricing privacy problems profile quest quests raffle realtime redirect
    register reviews robots.txt room rooms root rss search season seasons security settings shop
    signin signout signup sitemap.xml sse static stats status store support system team terms u
    upload user users verify wallet webhooks widget www ws
"""
RESERVED = frozenset(_RESERVED_WORDS.split())


# Letters and marks that nobody sees: two addresses that look alike must not have two owners.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


class SlugError(ValueError):
    """Why a slug cannot be taken; `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def slug_key(slug: str) -> str:
    """The form in which slugs are compared: case folded, NFC. ASCII slugs are the usual case."""
    if slug.isascii():
        return slug.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", slug).casefold())


def check_slug(slug: str, reserved: frozenset[str] = RESERVED) -> str:
    """The slug in NFC, or SlugError: letters (of any script), digits, `-` and `_`, 1 to 128."""
    slug = unicodedata.normalize("NFC", slug)
    if not 1 <= len(slug) <= MAX_LENGTH:
        raise SlugError("slug_length", f"A slug has 1 to {MAX_LENGTH} characters.")
    if not all(_allowed(character) for character in slug):
        raise SlugError("slug_characters", "A slug has letters, digits, hyphens and underscores.")
    look = unicodedata.normalize("NFKC", slug)
    if slug_key(slug) in reserved or slug_key(look) in reserved:
        raise SlugError("slug_reserved", f"“{slug}” is reserved.")
    return slug


def generate_slug() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(GENERATED_LENGTH))


def _allowed(character: str) -> bool:
    if character in "-_":
        return True
    if _INVISIBLE.match(character):
        return False
    # Letters, decimal digits, and the marks that scripts like Devanagari need to spell a letter.
    category = unicodedata.category(character)
    return category[0] == "L" or category in {"Nd", "Mn", "Mc"}
