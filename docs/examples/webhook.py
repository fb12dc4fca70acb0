"""Being told, and by nobody else: a receiver that checks signatures. Needs nothing but Python."""

import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = os.environ["SECRET"]  # whsec_…, from the answer to POST /api/webhooks
seen = set()  # in real life a table: the same event may come twice


def is_genuine(headers, body):
    """Over the bytes as they came, before they are parsed."""
    message_id, timestamp = headers["Webhook-Id"], headers["Webhook-Timestamp"]
    if abs(time.time() - int(timestamp)) > 300:
        return False  # old: a replay, perhaps
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    given = headers["Webhook-Signature"].split()
    return any(hmac.compare_digest(expected.encode(), one.encode()) for one in given)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(min(int(self.headers["Content-Length"]), 1_000_000))
        try:
            genuine = is_genuine(self.headers, body)
        except (AttributeError, TypeError, ValueError):
            genuine = False  # a header is missing, or is none of ours
        self.send_response(204 if genuine else 401)
        self.end_headers()
        if genuine and self.headers["Webhook-Id"] not in seen:
            seen.add(self.headers["Webhook-Id"])
            event = json.loads(body)
            print(event["type"], event["data"], flush=True)


HTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Receiver).serve_forever()
