"""Static files in the encodings that browsers read."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brotli
import pytest
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.templatetags.static import static
from django.test import Client
from django.utils.module_loading import import_string

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


@pytest.fixture
def collected(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """As in an image: everything under names with a hash, beside the plain ones."""
    settings.STATIC_ROOT = tmp_path
    storage = settings.STORAGES["staticfiles"]["BACKEND"]
    files = import_string(storage)(location=tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staticfiles_storage, "_wrapped", files)
        call_command("collectstatic", verbosity=0, interactive=False)
        patch.setattr(staticfiles_storage, "_wrapped", import_string(storage)(location=tmp_path))
        yield tmp_path


def test_what_was_collected_is_kept_for_a_year_under_a_name_with_a_hash(
    collected: Path, client: Client
) -> None:
    address = static("rallypoint/app.css")
    assert re.fullmatch(r"/static/rallypoint/app\.[0-9a-f]{12}\.css", address)
    answer = client.get(address)
    assert answer["Cache-Control"] == "max-age=31536000, public, immutable"
    assert answer.content == (collected / address.removeprefix("/static/")).read_bytes()
    assert "immutable" not in client.get("/static/rallypoint/app.css")["Cache-Control"]


@pytest.mark.django_db
def test_pages_name_what_was_collected_and_scripts_load_what_belongs_to_it(
    collected: Path, client: Client
) -> None:
    page = client.get("/login").content.decode()
    named = re.findall(r'/static/([^"]+?)\.[0-9a-f]{12}\.(\w+)\?v=([0-9a-f]+)', page)
    assert {(name, kind) for name, kind, _ in named} >= {
        ("rallypoint/app", "css"),
        ("accounts/login", "js"),
    }
    assert len({release for _, _, release in named}) == 1
    assert staticfiles_storage.manifest_hash == named[0][2]


def test_nothing_collected_is_nothing_missing(client: Client) -> None:
    assert static("rallypoint/app.css") == "/static/rallypoint/app.css"
    assert client.get("/static/rallypoint/app.css").status_code == 200
