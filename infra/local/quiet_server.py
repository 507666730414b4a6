"""An HTTP server on a free port of loopback that says nothing when a client goes away in the middle."""

from __future__ import annotations

import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class QuietServer(ThreadingHTTPServer):
    """Processes that it answers are ended while their connections are open: that is no error of the server's."""

    daemon_threads = True

    def __init__(self, handler: Callable[..., BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)

    @property
    def address(self) -> str:
        """Host and port, ``127.0.0.1:4566``."""
        return f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report what is no lost connection."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)
