"""ClickHouse's own engine behind a little of its HTTP interface, in a process of its own:
`python -m tests.links.warehouse.engine PORT DIRECTORY`.

The engine comes as a library (chdb); what is in front of it answers as a server does, as far as
the driver asks.
"""

import sys
import tempfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import lz4.frame


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    session: Any

    def do_GET(self) -> None:
        self._answer(b"Ok.\n")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(self._chunks())
        if self.headers.get("Content-Encoding") == "lz4":
            body = lz4.frame.decompress(body)
        try:
            into, form, rows = body.partition(b" FORMAT Native\n")
            if into.startswith(b"INSERT") and form:
                self._answer(self._insert(into.decode(), rows))
            else:
                self._answer(self._query(body.decode()))
        except RuntimeError as error:
            self._answer(str(error).encode(), status=500)

    def _query(self, statement: str) -> bytes:
        words, _, form = statement.rpartition("\n FORMAT ")
        answer = self.session.query(words or statement, form.strip() if words else "TSV")
        return bytes(answer.bytes())

    def _insert(self, into: str, rows: bytes) -> bytes:
        with tempfile.NamedTemporaryFile(suffix=".native") as file:
            file.write(rows)
            file.flush()
            source = f"file('{file.name}', 'Native')"
            self.session.query(f"{into} SELECT * FROM {source}")  # noqa: S608 - ours
        return b""

    def _chunks(self) -> Any:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _answer(self, body: bytes, *, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-ClickHouse-Summary", "{}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def main() -> None:
    from chdb.session import Session

    port, directory = sys.argv[1:]
    Path(directory).mkdir(exist_ok=True)
    Handler.session = Session(directory)
    Handler.session.query("CREATE DATABASE IF NOT EXISTS rally")
    Handler.session.query("USE rally")
    HTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main()
