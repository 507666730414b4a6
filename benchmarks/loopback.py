"""A loopback server that answers AWS and Slack from a recording, so that a cold start is measured without a network.

A recording maps ``service.Operation`` to its answers in order; the last one repeats. The server speaks the JSON protocols that
botocore picks for the services the Lambdas use (``X-Amz-Target``), and REST-JSON for EventBridge Scheduler.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler
from typing import Any

from infra.local.quiet_server import QuietServer

SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
SCHEDULER = {"POST": "CreateSchedule", "PUT": "UpdateSchedule", "DELETE": "DeleteSchedule", "GET": "GetSchedule"}


class Loopback:
    """The server; ``calls`` counts what was asked since the last ``reset``."""

    def __init__(self, recording: Mapping[str, Sequence[Any]]) -> None:
        self.recording = recording
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, body = loopback.reply(self.command, self.path, self.headers.get("Authorization", ""), dict(self.headers))
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(data)))
                self.send_header("x-amzn-RequestId", "loopback")
                self.end_headers()
                self.wfile.write(data)
                self.wfile.flush()

            do_POST = do_GET = do_PUT = do_DELETE = answer  # noqa: N815 - names are http.server's

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's own signature
                """Stay silent: stdout carries the benchmark's result."""

        self._server = QuietServer(Handler)
        self.url = f"http://{self._server.address}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def reset(self) -> None:
        """Start every recording from its first answer."""
        with self._lock:
            self.calls.clear()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def reply(self, method: str, path: str, authorization: str, headers: Mapping[str, str]) -> tuple[int, Any]:
        """Return the next recorded answer for one request."""
        key = self._key(method, path, authorization, headers)
        with self._lock:
            index = self.calls[key]
            self.calls[key] += 1
        answers = self.recording.get(key)
        if not answers:
            return 500, {"__type": "NotRecorded", "message": key}
        answer = answers[min(index, len(answers) - 1)]
        return (400, answer["error"]) if "error" in answer else (200, answer["body"])

    @staticmethod
    def _key(method: str, path: str, authorization: str, headers: Mapping[str, str]) -> str:
        scope = SCOPE.search(authorization)
        if scope is None:
            return f"slack.{path.rsplit('/', maxsplit=1)[-1]}"
        target = headers.get("X-Amz-Target", "")
        operation = target.rsplit(".", maxsplit=1)[-1] if target else SCHEDULER.get(method, path)
        return f"{scope.group(1)}.{operation}"
