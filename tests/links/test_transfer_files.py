"""Our own CSV however it was saved, and files that are none."""

import pytest

from links.transfer import MAX_BYTES, MAX_ROWS, read_rows
from monitoring.wire.problems import Problem
from tests.links.test_transfer_formats import read, read_one


def refused(name: str, content: str) -> str:
    with pytest.raises(Problem) as caught:
        read(name, content)
    return caught.value.code


@pytest.mark.parametrize("before", ["", "\ufeff", "\r\n\r\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_our_own_is_read_however_a_spreadsheet_saved_it(
    before: str, end: str, delimiter: str
) -> None:
    lines = [["slug", "url", "title"], ["x", "https://example.com/", '"a\nb"'], [], ["y", "u"]]
    content = before + end.join(delimiter.join(line) for line in lines) + end
    first, second = read("csv", content)
    assert (first.slug, first.url, first.fields) == ("x", "https://example.com/", {"title": "a\nb"})
    # What a spreadsheet leaves off at the end of a line is not there, rather than empty.
    assert (second.slug, second.fields) == ("y", {})
    assert second.line == first.line + 3


def test_an_empty_cell_of_our_own_empties_its_field() -> None:
    content = (
        "url,title,tags,startsAt,maxClicks,redirectStatus,forwardQuery,utm,rules,campaign\n"
        "https://example.com/,,,,,,,,,\n"
    )
    row = read_one("csv", content)
    assert row.campaign == ""
    assert row.fields == {
        "title": "",
        "tags": [],
        "starts_at": None,
        "max_clicks": None,
        "redirect_status": 302,
        "forward_query": False,
        "utm": {},
        "rules": [],
    }


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ("startsAt", "tomorrow", "invalid_time"),
        ("expiresAt", "0001-01-01T00:00:00+14:00", "invalid_time"),
        ("expiresAt", "9999-12-31T23:59:59-14:00", "invalid_time"),
        ("maxClicks", "0", "invalid_number"),
        ("maxClicks", "-1", "invalid_number"),
        ("maxClicks", "1.5", "invalid_number"),
        ("maxClicks", "9" * 5000, "invalid_number"),
        ("maxClicks", "٣", "invalid_number"),
        ("forwardQuery", "perhaps", "invalid_flag"),
        ("utm", "{", "malformed_json"),
        ("utm", "[]", "invalid_structure"),
        ("rules", "{}", "invalid_structure"),
        ("rules", "[" * 100_000, "nesting_too_deep"),
        ("variants", '"\\ud800"', "invalid_characters"),
        ("tags", '"""a"""b', "malformed_csv"),
        ("domain", "elsewhere.test", "unknown_domain"),
        ("hasPassword", "maybe", "invalid_flag"),
    ],
)
def test_a_cell_that_cannot_be_read_is_told_with_its_column(
    column: str, cell: str, code: str
) -> None:
    quoted = '"' + cell.replace('"', '""') + '"'
    good, bad = read("csv", f"url,{column}\nhttps://a.test/,\nhttps://b.test/,{quoted}\n")
    assert good.reasons == ()
    assert [(reason.code, reason.field) for reason in bad.reasons] == [(code, column)]


def test_a_line_with_more_cells_than_names_is_not_guessed_at() -> None:
    (row,) = read("csv", "url,title\nhttps://a.test/,one,two\n")
    assert [reason.code for reason in row.reasons] == ["ragged_line"]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("csv", "", "file_empty"),
        ("csv", "\n\n", "file_empty"),
        ("csv", "slug,title\na,b\n", "column_missing"),
        ("csv", "url,tittle\na,b\n", "unknown_column"),
        ("csv", "url,title,Title\na,b,c\n", "column_repeated"),
        ("bitly", "just one line of text\n", "column_missing"),
        ("yourls", "just one line of text\n", "column_missing"),
        ("kutt", "{}", "no_list_found"),
        ("shlink", '"' * 3, "malformed_csv"),
        ("bitly", "long_url,Long URL\na,b\n", "column_repeated"),
        ("csv", ",".join(["url"] * 101), "too_many_columns"),
        ("csv", 'url,title\n"https://a.test/,b\nhttps://c.test/,d\n', "malformed_csv"),
        ("csv", "url\nhttps://a.test/\x00\n", "invalid_characters"),
        ("bitly", "keyword,url\na,https://a.test/\n", "column_missing"),
        ("kutt", "[{]", "malformed_json"),
        ("kutt", '{"data": "none"}', "no_list_found"),
        ("kutt", "[1, 2]", "no_list_found"),
        ("kutt", '[{"target": "\\u0000"}]', "invalid_characters"),
        ("kutt", "[" * 100_000, "nesting_too_deep"),
        ("dub", "url\n", "unknown_format"),
    ],
)
def test_a_file_of_another_kind_is_refused_as_a_whole(name: str, content: str, code: str) -> None:
    assert refused(name, content) == code


def test_a_file_with_a_header_alone_has_no_rows() -> None:
    assert read("csv", "url\n") == []
    assert read("kutt", "[]") == []


def test_bytes_that_are_no_utf8_are_refused() -> None:
    with pytest.raises(Problem) as caught:
        read_rows("csv", "url,title\nhttps://a.test/,Frühling\n".encode("cp1252"))
    assert caught.value.code == "invalid_encoding"


def test_a_file_may_be_so_big_and_no_bigger() -> None:
    with pytest.raises(Problem) as caught:
        read_rows("csv", b" " * (MAX_BYTES + 1))
    assert (caught.value.code, caught.value.status_code) == ("import_too_large", 413)


def test_a_file_may_be_so_long_and_no_longer() -> None:
    line = "https://a.test/\n"
    assert len(read("csv", "url\n" + line * MAX_ROWS)) == MAX_ROWS
    with pytest.raises(Problem) as caught:
        read("csv", "url\n" + line * (MAX_ROWS + 1))
    assert (caught.value.code, caught.value.status_code) == ("import_too_long", 413)
