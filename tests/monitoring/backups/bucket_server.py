"""A bucket at the network's edge: it keeps objects in memory, and takes what is signed well."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY, SECRET = "AKIDTESTS", "a-secret-for-tests"


class BucketServer(ThreadingHTTPServer):
    """`objects` by "bucket/key"; `refuse` makes every request fail with this status."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.requests: list[str] = []
        self.refuse = 0
        self.break_off_after = 10**9
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def bucket_server() -> Iterator[BucketServer]:
    with BucketServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: BucketServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002

    def _begin(self) -> bytes | None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            self.server.requests.append(f"{self.command} {self.path}")
        if self.server.refuse or len(self.server.requests) > self.server.break_off_after:
            self._answer(self.server.refuse or 500, _error("AccessDenied"))
        elif not self._is_signed(body):
            self._answer(403, _error("SignatureDoesNotMatch"))
        else:
            return body
        return None

    def _is_signed(self, body: bytes) -> bool:
        given = self.headers.get("Authorization", "")
        fields = dict(
            part.strip().split("=", 1) for part in given.partition(" ")[2].split(",") if "=" in part
        )
        if self.headers["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
            return False
        names = fields.get("SignedHeaders", "").split(";")
        request = AWSRequest(
            self.command,
            f"{self.server.url}{self.path}",
            headers={name: self.headers[name] for name in names if name != "host"},
        )
        request.context["timestamp"] = self.headers["x-amz-date"]
        signer = S3SigV4Auth(Credentials(KEY, SECRET), "s3", "us-east-1")
        canonical = signer.canonical_request(request)
        text = signer.string_to_sign(request, canonical)
        return fields.get("Signature") == signer.signature(text, request)

    @property
    def _object(self) -> str:
        return urlsplit(self.path).path.lstrip("/")

    @property
    def _query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query, keep_blank_values=True)

    def do_PUT(self) -> None:
        if (body := self._begin()) is None:
            return
        if "partNumber" in self._query:
            number = int(self._query["partNumber"][0])
            self.server.parts[self._query["uploadId"][0]][number] = body
        else:
            self.server.objects[self._object] = body
        self._answer(200, b"", ETag=f'"{hashlib.md5(body).hexdigest()}"')  # noqa: S324

    def do_POST(self) -> None:
        if self._begin() is None:
            return
        if "uploads" in self._query:
            name = f"upload-{len(self.server.parts)}"
            self.server.parts[name] = {}
            self._answer(200, _xml("InitiateMultipartUploadResult", UploadId=name))
        else:
            parts = self.server.parts.pop(self._query["uploadId"][0])
            self.server.objects[self._object] = b"".join(parts[n] for n in sorted(parts))
            self._answer(200, _xml("CompleteMultipartUploadResult", ETag='"x"'))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self._begin() is None:
            return None
        if "list-type" in self._query:
            return self._list()
        if (body := self.server.objects.get(self._object)) is None:
            return self._answer(404, _error("NoSuchKey"))
        if wanted := self.headers.get("Range"):
            first, last = wanted.removeprefix("bytes=").split("-")
            part = body[int(first) : int(last or len(body)) + 1]
            place = f"bytes {first}-{int(first) + len(part) - 1}/{len(body)}"
            return self._answer(206, part, **{"Content-Range": place})
        return self._answer(200, body, ETag='"x"')

    def do_DELETE(self) -> None:
        if self._begin() is None:
            return
        self.server.parts.pop(self._query.get("uploadId", [""])[0], None)
        self.server.objects.pop(self._object, None)
        self._answer(204, b"")

    def _list(self) -> None:
        prefix = f"{self._object}/{self._query.get('prefix', [''])[0]}"
        found = [name for name in sorted(self.server.objects) if name.startswith(prefix)]
        inner = "".join(
            f"<Contents><Key>{escape(name.partition('/')[2])}</Key>"
            f"<Size>{len(self.server.objects[name])}</Size></Contents>"
            for name in found
        )
        text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{inner}</ListBucketResult>"
        self._answer(200, text.encode())

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _error(code: str) -> bytes:
    return _xml("Error", Code=code, Message="no")


def _xml(name: str, **fields: str) -> bytes:
    inner = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in fields.items())
    return f"<{name}>{inner}</{name}>".encode()
