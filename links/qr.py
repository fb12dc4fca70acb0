"""QR codes of short addresses, as SVG and PNG."""

import io
import re
from dataclasses import dataclass
from typing import Literal, TypedDict, Unpack

import segno
from django.utils.encoding import iri_to_uri

from links.fields import refusal
from monitoring.wire.problems import Problem

LEVELS = ("l", "m", "q", "h")
_COLOUR = re.compile(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


class QrOptions(TypedDict, total=False):
    """`size` is the edge of a module in pixels, 1 to 40; `border` the quiet zone around the code
    in modules, 0 to 10, and readers count on four. Colours are `#rgb` or `#rrggbb`; the `#`,
    which a query string would have to escape, may be left out."""

    size: int
    border: int
    dark: str
    light: str
    error_correction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Style:
    """Checked when it is made: Problem `invalid_parameter`, which names the parameter."""

    size: int = 8
    border: int = 4
    dark: str = "#000000"
    light: str = "#ffffff"
    error_correction: str = "m"

    def __post_init__(self) -> None:
        _within("size", self.size, 1, 40)
        _within("border", self.border, 0, 10)
        if _colour("dark", self.dark) == _colour("light", self.light):
            raise _invalid("light", "Nobody can read a code of one colour.")
        if self.error_correction not in LEVELS:
            raise _invalid("errorCorrection", f"One of {', '.join(LEVELS)}.")


def qr_svg(url: str, **options: Unpack[QrOptions]) -> bytes:
    return _draw(url, _Style(**options), kind="svg")


def qr_png(url: str, **options: Unpack[QrOptions]) -> bytes:
    return _draw(url, _Style(**options), kind="png")


def png_edge(url: str, **options: Unpack[QrOptions]) -> int:
    """How wide and high the picture is, in pixels."""
    style = _Style(**options)
    return int(_code(url, style).symbol_size(scale=style.size, border=style.border)[0])


def _code(url: str, style: _Style) -> segno.QRCode:
    # ASCII alone: what other bytes mean is something that readers do not agree on.
    try:
        return segno.make_qr(iri_to_uri(url), error=style.error_correction)
    except segno.DataOverflowError:
        raise refusal("url", "qr_overflow", "The address is too long for a QR code.") from None


def _draw(url: str, style: _Style, *, kind: Literal["svg", "png"]) -> bytes:
    picture = io.BytesIO()
    _code(url, style).save(
        picture,
        kind=kind,
        scale=style.size,
        border=style.border,
        dark=_colour("dark", style.dark),
        light=_colour("light", style.light),
    )
    return picture.getvalue()


def _within(field: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise _invalid(field, f"A whole number from {lowest} to {highest}.")


def _colour(field: str, text: str) -> str:
    """As `#rrggbb` in lower case."""
    match = _COLOUR.fullmatch(text)
    if match is None:
        raise _invalid(field, "A colour is written #rrggbb.")
    digits = match[1].lower()
    return "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))


def _invalid(field: str, message: str) -> Problem:
    return refusal(field, "invalid_parameter", message)
