"""Runs a program that ends when its starter does: ``python kept.py OPTIONS PROGRAM ARGUMENT…``, its standard input a pipe.

The pipe closes when the starter closes it, ends or is killed; nothing else tells a process reliably that its parent is gone. The
program then gets SIGINT, and SIGKILL when it does not heed it. A SIGTERM is passed on. OPTIONS is a JSON object for
subprocess.Popen: the user that the program runs as. It is started by its path, so that it needs no package to be found.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

GRACE_S = 10


def main(options: str, *command: str) -> int:
    """Run ``command`` to its end; return its exit code."""
    children: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def told(number: int, _: Any) -> None:
        for each in children:
            with contextlib.suppress(ProcessLookupError):
                each.send_signal(number)
        if not children:
            early.append(number)

    # Before the program starts: a signal between the two would end this process, and leave the program to nobody.
    signal.signal(signal.SIGTERM, told)
    signal.signal(signal.SIGINT, told)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, **json.loads(options))  # noqa: S603 - as asked for, no shell
    children.append(child)
    for number in early:
        child.send_signal(number)
    threading.Thread(target=_watch, args=(child,), daemon=True).start()
    return child.wait()


def _watch(child: subprocess.Popen[bytes]) -> None:
    """Wait for the pipe to close; then end the program."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    with contextlib.suppress(ProcessLookupError):
        child.send_signal(signal.SIGINT)
        try:
            child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
