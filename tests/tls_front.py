"""TLS in front of a server that was built without it: answers PostgreSQL's SSLRequest, then passes bytes on both ways."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from pathlib import Path

HOST = "127.0.0.1"
REQUEST = 8  # bytes of an SSLRequest
BLOCK = 65536


class TlsFront:
    """Listens on ``port`` of 127.0.0.1 with the certificate in ``folder`` until closed."""

    def __init__(self, upstream: int, folder: Path) -> None:
        self._upstream = upstream
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(folder / "server.crt", folder / "server.key")
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.recv(REQUEST)
            connection.sendall(b"S")
            with (
                self._tls.wrap_socket(connection, server_side=True) as client,
                socket.create_connection((HOST, self._upstream)) as server,
            ):
                _pass_on(client, server)


def _pass_on(client: ssl.SSLSocket, server: socket.socket) -> None:
    """Pass bytes on until either side is done."""
    while True:
        ready = [client] if client.pending() else select.select([client, server], [], [])[0]
        for source in ready:
            data = source.recv(BLOCK)
            if not data:
                return
            (server if source is client else client).sendall(data)
