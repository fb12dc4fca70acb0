"""QR codes of short addresses."""

import struct
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import segno

from links.qr import qr_png, qr_svg
from monitoring.wire.problems import Problem

URL = "https://rally.test/spring"


def size_of_png(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def refused(**options: Any) -> str:
    with pytest.raises(Problem) as caught:
        qr_svg(URL, **options)
    assert caught.value.code == "invalid_parameter"
    assert caught.value.status_code == 400
    return caught.value.errors[0]["field"]


def test_size_and_border_count_in_modules_of_the_code() -> None:
    modules = len(segno.make_qr(URL, error="m").matrix)
    edge = (modules + 2 * 3) * 5
    assert size_of_png(qr_png(URL, size=5, border=3)) == (edge, edge)
    svg = ET.fromstring(qr_svg(URL, size=5, border=3))  # noqa: S314 - our own
    assert svg.attrib["width"] == svg.attrib["height"] == str(edge)


def test_the_smallest_and_the_biggest_can_be_had() -> None:
    assert size_of_png(qr_png(URL, size=1, border=0)) < size_of_png(qr_png(URL, size=40, border=10))


def test_an_svg_has_the_colours_asked_for() -> None:
    svg = qr_svg(URL, dark="#123456", light="fed").decode()
    assert "#123456" in svg
    assert "#fed" in svg


def test_more_correction_makes_a_denser_code() -> None:
    sizes = [size_of_png(qr_png(URL * 3, error_correction=level)) for level in ("l", "m", "q", "h")]
    assert sizes[0] < sizes[3]


def test_an_address_with_other_letters_is_encoded_as_ascii() -> None:
    assert qr_svg("https://rally.test/frühling") == qr_svg("https://rally.test/fr%C3%BChling")


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("size", {"size": 0}),
        ("size", {"size": 41}),
        ("border", {"border": -1}),
        ("border", {"border": 11}),
        ("dark", {"dark": "red"}),
        ("dark", {"dark": '"/><script>'}),
        ("dark", {"dark": "#12345"}),
        ("light", {"light": "#ffffff\n"}),
        ("light", {"light": "#١٢٣"}),
        ("errorCorrection", {"error_correction": "x"}),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_its_name(field: str, options: dict[str, Any]) -> None:
    assert refused(**options) == field


def test_a_code_of_one_colour_is_refused() -> None:
    assert refused(dark="#FFF", light="ffffff") == "light"


def test_an_address_too_long_for_any_code_is_refused() -> None:
    with pytest.raises(Problem) as caught:
        qr_png("https://rally.test/" + "x" * 3000, error_correction="h")
    assert caught.value.code == "qr_overflow"
