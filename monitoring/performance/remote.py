"""An instance as it is seen from outside: its metrics and its health over HTTP. Imports no Django,
and so needs neither its database nor its Redis."""

import json
import time

# rule: network - an operator names the instance at her own shell
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from monitoring.performance.snapshots import Snapshot, snapshot

TIMEOUT = 10.0
_ACCEPT = "text/plain;version=0.0.4"


class SilentInstanceError(Exception):
    """It does not answer, or not with what was asked for; the text is for people."""


class Instance:
    """At `url`; the bearer of `token` may read the metrics from anywhere."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url
        self._token = token

    def look(self) -> tuple[Snapshot, dict[str, Any]]:
        """(metrics, health)."""
        text = self._get("/api/health/metrics", {200})
        try:
            taken = snapshot(text_string_to_metric_families(text), time.time())
            health: dict[str, Any] = json.loads(self._get("/api/health", {200, 503}))
        except ValueError as error:
            raise SilentInstanceError(f"{self.url} is something else") from error
        return taken, health

    def _get(self, path: str, expected: set[int]) -> str:
        try:
            status, body = self._exchange(path)
        except (OSError, HTTPException, ValueError) as error:
            text = f"{self.url} does not answer ({error}). Does it run there? --url says where"
            raise SilentInstanceError(text) from error
        if status in {401, 403}:
            raise SilentInstanceError(f"{self.url}{path} wants the METRICS_TOKEN of the instance")
        if status not in expected:
            raise SilentInstanceError(f"{self.url}{path} answers {status}")
        return body

    def _exchange(self, path: str) -> tuple[int, str]:
        parts = urlsplit(self.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
        wants_token = self._token and path.endswith("metrics")
        authorization = {"Authorization": f"Bearer {self._token}"} if wants_token else {}
        try:
            connection.request("GET", path, headers={"Accept": _ACCEPT, **authorization})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()
