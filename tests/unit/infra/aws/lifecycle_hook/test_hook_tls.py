"""Where the balancer has a certificate, the hook asks over TLS, and only a server that can show that certificate's name."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest
from server_certificate import write_certificate

from infra.aws.lifecycle_hook.expectations import Expected
from infra.aws.lifecycle_hook.trying import Address, Green


class Ready(BaseHTTPRequestHandler):
    """Says that it is ready, whatever is asked."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


class Quiet(ThreadingHTTPServer):
    """Says nothing of a handshake that the client breaks off: that is meant here."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Serve over TLS with a certificate for 127.0.0.1, which this process trusts."""
    write_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.crt"))
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    server = Quiet(("127.0.0.1", 0), Ready)
    server.socket = shown.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def ready(port: int, name: str) -> bool:
    ticks = count()
    return Green(Address("127.0.0.1", port, name), Expected("images", "uploads/"), lambda: float(next(ticks))).ready()


def test_a_server_with_the_right_name_is_asked_over_tls(port: int) -> None:
    assert ready(port, "127.0.0.1")


def test_a_server_with_another_name_is_not_believed(port: int) -> None:
    assert not ready(port, "api.example.com")


def test_a_server_that_speaks_tls_is_not_asked_in_the_open(port: int) -> None:
    assert not ready(port, "")
