"""Bytecode for the target's Python, made by an interpreter of the same minor version where this machine has one.

It stands in ``__pycache__`` with an unchecked hash: Lambda's file times mean nothing, and nobody edits a file there, so nothing
is compared at import. An interpreter that does not know it compiles the source beside it, as it would without.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from alarms.domain.errors import CannotRun

# Where Lambda unpacks a zip: the code then bears its files' names already, and import need not rewrite them.
TASK_ROOT = "/var/task"
_ASK = "import sys; v = sys.version_info; print(v.major, v.minor, v.micro, v.releaselevel)"
_COMPILE = """
import json, os, py_compile, sys
os.chdir(sys.argv[1])
for name in json.load(sys.stdin):
    try:
        py_compile.compile(
            name, dfile=sys.argv[2] + "/" + name, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )
    except py_compile.PyCompileError as error:
        sys.exit(f"{name}: {error.msg.strip().splitlines()[-1]}")
"""


@functools.cache
def interpreter(python: str) -> tuple[Path, str] | None:
    """Return an interpreter of the minor version ``python`` (``3.13``) with its full version, None when there is none."""
    for path in _candidates(python):
        asked = subprocess.run([str(path), "-c", _ASK], capture_output=True, text=True, check=False)  # noqa: S603 - found by name
        said = asked.stdout.split()
        # A release candidate's bytecode may not be the release's.
        if asked.returncode == 0 and ".".join(said[:2]) == python and said[3] == "final":
            return path, ".".join(said[:3])
    return None


def compile_all(python: Path, folder: Path, names: Sequence[str]) -> None:
    """Compile the files ``names`` of ``folder``, in this order, in one fresh process: the same files give the same bytes."""
    environ = {"PYTHONHASHSEED": "0", "PATH": os.environ.get("PATH", "")}  # a set's order in bytecode follows the seed
    command = [str(python), "-s", "-W", "ignore", "-c", _COMPILE, str(folder), TASK_ROOT]
    done = subprocess.run(  # noqa: S603 - our own arguments
        command, input=json.dumps(list(names)), env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CannotRun(f"bytecode: {done.stderr.strip()[-300:]}")


def _candidates(python: str) -> Iterator[Path]:
    if f"{sys.version_info.major}.{sys.version_info.minor}" == python:
        yield Path(sys.executable)
    if on_path := shutil.which(f"python{python}"):
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{python}.*/bin/python"), reverse=True)
    uv = Path.home() / ".local" / "share" / "uv" / "python"
    yield from sorted(uv.glob(f"cpython-{python}.*/bin/python{python}"), reverse=True)
