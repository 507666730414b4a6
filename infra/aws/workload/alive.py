"""Answers the container's health check of the consumer, on loopback: 200 as long as every thread gives signs of life."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Alive:
    """The last sign of life of each of ``threads`` threads; ``silent_s`` is how long one may be silent."""

    def __init__(self, threads: int, silent_s: float) -> None:
        self.threads = threads
        self._silent_s = silent_s
        self._signs = [time.monotonic()] * threads

    def sign(self, place: int) -> None:
        """Say that thread number ``place`` is alive."""
        self._signs[place] = time.monotonic()

    @property
    def well(self) -> bool:
        """Whether every thread has given a sign lately."""
        return time.monotonic() - min(self._signs) < self._silent_s

    @contextmanager
    def answering(self, port: int) -> Iterator[None]:
        """Answer ``GET /healthz`` at ``port`` of loopback; 0: not at all."""
        if not port:
            yield
            return
        server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()


def _handler(alive: Alive) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = 404 if self.path != "/healthz" else 200 if alive.well else 503
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own signature
            """Stay silent: a health check every few seconds is no news."""

    return Handler
