"""What people may write: text that shows as what it is."""

import re

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

# Control characters, and marks that turn the order of what follows.
_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
ONE_LINE = rf"[^{_CONTROLS}]*"
# A message has lines; a right-to-left mark in it turns nothing but the message.
_NOT_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SOMETHING_TO_SEE = re.compile(
    r"[^\s\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0]"
)

one_line = RegexValidator(rf"\A{ONE_LINE}\Z", "Use one line, without control characters.")


def is_sayable(body: str) -> bool:
    """There is something to see in it, and no control characters but line ends and tabs."""
    return bool(_SOMETHING_TO_SEE.search(body)) and not _NOT_IN_TEXT.search(body)


def sayable(body: str) -> None:
    """ValidationError for what is not."""
    if not is_sayable(body):
        raise ValidationError("A message has words, and no control characters.")
