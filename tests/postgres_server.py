"""A real PostgreSQL for tests: the server of ``infra.local.postgres`` with few slots, roles' passwords, and TLS.

TLS is the server's own, or stands in front of it when it was built without.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server_certificate import write_certificate
from tls_front import TlsFront

from infra.local import postgres

HOST = postgres.HOST
PASSWORD = "correct-horse"  # of every role that tests make
SLOTS = 30
SUPERUSER_SLOTS = 3
SETTINGS = {
    **postgres.SETTINGS,
    "max_connections": SLOTS,
    "superuser_reserved_connections": SUPERUSER_SLOTS,
    "max_wal_senders": 4,
    "timezone": "Asia/Seoul",  # nothing may depend on the server's zone
}


@dataclass(frozen=True)
class Server:
    """A running server: it speaks TLS at ``tls_port``, where it shows the certificate in the file ``authorities``."""

    port: int
    tls_port: int
    folder: Path
    version: int
    admin: str = "postgres"

    @property
    def authorities(self) -> str:
        """The certificate to trust."""
        return str(self.folder / "server.crt")

    def connect(self, user: str = "", **more: Any) -> Any:
        """Open a session (``more`` as pg8000 takes it); the caller closes it."""
        usual = {"database": "postgres", "password": PASSWORD, "application_name": "test", "timeout": 10}
        return postgres.connect(self.port, user or self.admin, **(usual | more))

    def run(self, *statements: str, **parameters: Any) -> Any:
        """Run statements as the superuser; the last one's rows."""
        connection = self.connect(application_name="test-teller")
        try:
            return [connection.run(statement, **parameters) for statement in statements][-1]
        finally:
            connection.close()


_running: list[tuple[Server, contextlib.ExitStack]] = []


def shared() -> Server:
    """Return the one server of this process, started when it is first asked for; ``stop_shared`` stops it."""
    if not _running:
        stack = contextlib.ExitStack()
        _running.append((stack.enter_context(serving()), stack))
    return _running[0][0]


def stop_shared() -> None:
    """Stop the process's server if there is one."""
    while _running:
        _running.pop()[1].close()


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """Start a server of its own, and stop it."""
    with postgres.own_folder() as folder:
        binaries = postgres.reachable(postgres.programs(), folder)
        # By a process whose time is real: where cryptography first met datetime under the virtual clock, it knows no other kind.
        subprocess.run([sys.executable, __file__, str(folder)], check=True, timeout=60)
        postgres.initialise(binaries, folder, PASSWORD)
        for name in ("server.key", "server.crt"):
            postgres.give(folder / name)
        with (folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(f"ssl_cert_file = '{folder}/server.crt'\nssl_key_file = '{folder}/server.key'\n")
        port, own_tls = postgres.free_port(), _speaks_tls(binaries, folder)
        with (
            postgres.running(binaries, folder, port, SETTINGS, f"--ssl={own_tls}") as server,
            _tls(port, folder, own_tls) as tls_port,
        ):
            yield Server(port, tls_port, folder, postgres.wait_for(server, folder, port, PASSWORD))


def _speaks_tls(binaries: Path, folder: Path) -> str:
    """Return ``on`` when the server was built with TLS, else ``off``."""
    command = [str(binaries / "postgres"), "-D", str(folder / "data"), "-C", "ssl", "--ssl=on"]
    asked = subprocess.run(command, check=False, capture_output=True, cwd=folder, **postgres.ordinary_user())
    return "off" if asked.returncode else "on"


@contextlib.contextmanager
def _tls(port: int, folder: Path, own: str) -> Iterator[int]:
    """Return the port at which TLS is spoken."""
    if own == "on":
        yield port
        return
    front = TlsFront(port, folder)
    try:
        yield front.port
    finally:
        front.close()


if __name__ == "__main__":
    write_certificate(Path(sys.argv[1]))
