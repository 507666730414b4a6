"""The Slack stand-in behind an address on loopback, for slack_sdk's own client."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from infra.local.slack import NoAnswer, Workspace


@contextmanager
def serving(workspace: Workspace) -> Iterator[str]:
    """Serve ``workspace`` on a free port of loopback; yields the address for TOCSIN_SLACK_URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(workspace))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/api/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def _handler(workspace: Workspace) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            way, _, last = self.path.strip("/").rpartition("/")
            if way.endswith("actions"):  # a response_url: no token, the address itself is the secret
                workspace.whisper(last, _payload(body))
                self._send(200, {"ok": True}, "")
                return
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ").strip()
            try:
                answer = workspace(last, _payload(body), token)
            except NoAnswer:
                self.close_connection = True  # the caller sees a connection that broke off
                return
            self._send(answer.status, answer.body, answer.retry_after)

        def _send(self, status: int, body: Mapping[str, Any], retry_after: str) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("x-oauth-scopes", ",".join(workspace.scopes))
            if retry_after:
                self.send_header("Retry-After", retry_after)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's own signature
            """Stay silent: the workspace keeps every call."""

    return Handler


def _payload(body: bytes) -> Mapping[str, Any]:
    """Return the arguments of a call, sent as JSON or as a form."""
    try:
        payload = json.loads(body or b"{}")
    except ValueError:
        return dict(parse_qsl(body.decode("utf-8", "replace")))
    return payload if isinstance(payload, dict) else {}
