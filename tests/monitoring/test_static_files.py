"""Static files in the encodings that browsers read."""

import gzip

import brotli
import pytest
from django.contrib.staticfiles import finders
from django.test import Client

CHARTS = "unfold/js/chart/chart.js"
_READ = {"br": brotli.decompress, "gzip": gzip.decompress}


def plain(name: str) -> bytes:
    with open(str(finders.find(name)), "rb") as file:  # noqa: PTH123 - a finder gives a string
        return file.read()


@pytest.mark.parametrize("encoding", ["br", "gzip"])
def test_a_library_travels_compressed(client: Client, encoding: str) -> None:
    answer = client.get(f"/static/{CHARTS}", headers={"accept-encoding": encoding})
    assert answer["Content-Encoding"] == encoding
    assert "Accept-Encoding" in answer["Vary"]
    assert int(answer["Content-Length"]) == len(answer.content) < 80_000
    assert _READ[encoding](answer.content) == plain(CHARTS)


def test_the_library_is_chart_js_with_its_version() -> None:
    assert b'version="4.' in plain(CHARTS)


def test_who_reads_no_encoding_gets_the_file_as_it_is(client: Client) -> None:
    answer = client.get(f"/static/{CHARTS}")
    assert "Content-Encoding" not in answer
    assert "Accept-Encoding" in answer["Vary"]
    assert answer.content == plain(CHARTS)


def test_who_has_the_file_already_is_told_so(client: Client) -> None:
    wanted = {"accept-encoding": "br"}
    first = client.get("/static/rallypoint/app.css", headers=wanted)
    again = client.get(
        "/static/rallypoint/app.css", headers=wanted | {"if-none-match": first["ETag"]}
    )
    assert again.status_code == 304


def test_a_part_of_a_file_is_a_part_of_the_plain_one(client: Client) -> None:
    headers = {"accept-encoding": "br", "range": "bytes=0-9"}
    answer = client.get(f"/static/{CHARTS}", headers=headers)
    assert answer.status_code == 206
    assert "Content-Encoding" not in answer
    assert b"".join(answer) == plain(CHARTS)[:10]  # type: ignore[arg-type]
