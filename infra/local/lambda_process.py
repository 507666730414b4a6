"""A function as Lambda runs it: a fresh process with the real runtime client, and nothing of ours but the unpacked zip.

The process sees the standard library, the runtime client (awslambdaric) and the folder of the zip. It has no site-packages, and
of the environment only what it is given.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from alarms.domain.errors import CannotRun
from infra.local.runtime_api import Outcome, RuntimeApi, serving

_CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")
# Starts the runtime client as Lambda's own start does; before it, a hook that writes down every file that is opened.
_START = """
import sys
task, client, opened, handler = sys.argv[1:5]
sys.path[:0] = [task, client]
if opened:
    import os
    log = os.open(opened, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    sys.addaudithook(lambda e, a: os.write(log, f"{a[0]}\\n".encode()) if e == "open" and isinstance(a[0], str) else None)
sys.argv = ["awslambdaric", handler]
from awslambdaric.__main__ import main
main(sys.argv)
"""


@dataclass
class Running:
    """The process and the Runtime API that it asks. ``cpu_ms`` is its user and system time, known once it has ended."""

    api: RuntimeApi
    process: subprocess.Popen[str]
    cpu_ms: float = 0.0
    log: list[str] = field(default_factory=list)


def unpacked(zipped: Path, folder: Path) -> Path:
    """Unpack a function's zip into ``folder``, which is made, and return it."""
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(folder)
    return folder


def runtime_client(folder: Path) -> Path:
    """Put the runtime client alone into ``folder``, by links to where it is installed, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in _CLIENT:
        try:
            files = metadata.distribution(name).files or ()
        except metadata.PackageNotFoundError:
            raise CannotRun(f"{name} is not installed: running a function's zip needs the extra `dev` (make setup)") from None
        for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
            source = Path(str(metadata.distribution(name).locate_file(top)))
            if not top.endswith(".dist-info") and not (folder / top).exists():
                (folder / top).symlink_to(source)
    return folder


@contextmanager
def running(
    task: Path,
    client: Path,
    handler: str,
    environ: Mapping[str, str],
    *,
    opened: Path | None = None,
    python: Path = Path(sys.executable),
) -> Iterator[Running]:
    """Run ``handler`` of the folder ``task``; the process ends with the context. Files it opens are written to ``opened``."""
    given = {
        **environ,
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "LAMBDA_TASK_ROOT": str(task),
        "AWS_REGION": environ.get("AWS_REGION", "ap-northeast-2"),
        "AWS_LAMBDA_FUNCTION_NAME": "loopback",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
    }
    start = [str(python), "-I", "-S", "-B", "-c", _START, str(task), str(client), str(opened or ""), handler]
    with serving() as api:
        process = subprocess.Popen(  # noqa: S603 - our own arguments
            start,
            cwd=task,
            env={**given, "AWS_LAMBDA_RUNTIME_API": api.address},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        run = Running(api, process)
        watch = threading.Thread(target=_watch, args=(run,), daemon=True)
        watch.start()
        try:
            yield run
        finally:
            process.kill()
            watch.join(timeout=10)


def _watch(run: Running) -> None:
    """Keep what the process says until it ends; who waits for an answer learns that none will come."""
    assert run.process.stdout is not None  # noqa: S101 - a pipe was asked for
    with run.process.stdout as said:
        run.log += [line.rstrip("\n") for line in said]
    _, status, usage = os.wait4(run.process.pid, 0)
    run.process.returncode = os.waitstatus_to_exitcode(status)
    run.cpu_ms = (usage.ru_utime + usage.ru_stime) * 1000
    run.api.took(Outcome.EXITED, run.log[-20:])
