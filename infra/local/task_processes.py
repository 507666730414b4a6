"""Processes of this machine that are the tasks of ECS services: one starts when its task runs, and is told to stop with it.

A task's process that ends unasked makes its task end too, so that ECS replaces it. All processes end with this one, however that
ends: each hangs on a pipe of ours. Time is real here: the processes do not know of the virtual clock.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alarms.domain.errors import CannotRun
from infra.local import kept, real_time
from infra.local.ecs_model import Service

ROOT = Path(__file__).parents[2]
PASSED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
LOOK_S = 0.01
START_S = 60.0
STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class Program:
    """What a service's tasks run: a module, its environment, and how a process shows that it is ready."""

    module: str
    environ: Callable[[], Mapping[str, str]]
    ready: Callable[[Process], bool]


@dataclass
class Process:
    """One running process. ``said`` takes the JSON lines of its standard output."""

    task: str
    service: str
    environ: Mapping[str, str]
    popen: subprocess.Popen[bytes]
    said: deque[dict[str, Any]]
    started: bool = False
    ready: bool = False
    stopping: bool = False

    def listen(self) -> None:
        """Read what it says until it ends."""
        assert self.popen.stdout is not None  # noqa: S101 - opened with a pipe
        with self.popen.stdout as lines:
            for line in lines:
                found = _json(line)
                self.started = self.started or found.get("event") == "started"
                self.said.append(found)

    def let_go(self) -> None:
        """Close the pipe that it hangs on: whatever still lives of it ends."""
        assert self.popen.stdin is not None  # noqa: S101 - opened with a pipe
        self.popen.stdin.close()


class TaskProcesses:
    """The processes of all services, by the ARN of their task. ``ended(service, task, code)`` hears of one that ended unasked."""

    def __init__(self, programs: Mapping[str, Program], folder: Path, ended: Callable[[str, str, int], object]) -> None:
        self._programs = programs
        self._folder = folder
        self._ended = ended
        self._processes: dict[str, Process] = {}
        self._said: dict[str, deque[dict[str, Any]]] = {service: deque() for service in programs}
        self._over = False
        self.count = 0  # started in all

    def follow(self, service: Service) -> None:
        """Start and stop processes until they are the running tasks of ``service``: ECS's listener, called at each change."""
        if service.name not in self._programs or self._over:
            return
        for task in service.tasks.values():
            process = self._processes.get(task.arn)
            if task.runs and process is None:
                self._processes[task.arn] = self._start(task.arn, service.name)
            elif process is not None and not task.live and not process.stopping:
                process.stopping = True
                process.popen.terminate()

    def settle(self) -> None:
        """Wait until everything that was started is ready; tell of what ended unasked. CannotRun for one that never was ready."""
        deadline = real_time.seconds() + START_S
        for process in list(self._processes.values()):
            while not (process.ready or process.stopping):
                if process.popen.poll() is not None or real_time.seconds() > deadline:
                    raise CannotRun(f"a process of {process.service} did not start: {self._last_words(process)}")
                process.ready = self._programs[process.service].ready(process)
                if not process.ready:
                    time.sleep(LOOK_S)
        for process in [each for each in self._processes.values() if each.popen.poll() is not None]:
            del self._processes[process.task]
            process.let_go()
            if not process.stopping:
                self._ended(process.service, process.task, process.popen.returncode)

    def of(self, service: str) -> list[Process]:
        """Return the processes of a service that are alive and have not been told to stop."""
        return [each for each in self._processes.values() if each.service == service and not each.stopping and _alive(each)]

    def heard(self, service: str) -> list[dict[str, Any]]:
        """Take what the processes of a service have said since the last time, those that have ended included."""
        said = self._said[service]
        return [said.popleft() for _ in range(len(said))]

    def stop(self) -> None:
        """End all of them, in order; none is left afterwards."""
        self._over = True
        for process in self._processes.values():
            process.stopping = True
            if _alive(process):
                process.popen.terminate()
        self._wait(STOP_S)
        for process in self._processes.values():
            process.let_go()
        self._wait(kept.GRACE_S + 2)
        for process in self._processes.values():
            process.popen.kill()
            process.popen.wait()

    def _wait(self, seconds: float) -> None:
        """Wait until all have ended, for so long at most."""
        deadline = real_time.seconds() + seconds
        while any(_alive(process) for process in self._processes.values()) and real_time.seconds() < deadline:
            time.sleep(LOOK_S)

    def _start(self, task: str, service: str) -> Process:
        program, self.count = self._programs[service], self.count + 1
        environ = program.environ()
        usual = {name: os.environ[name] for name in PASSED if name in os.environ} | {"PYTHONPATH": str(ROOT)}
        with (self._folder / f"{service}-{self.count}.log").open("wb") as errors:
            popen = subprocess.Popen(  # noqa: S603 - our own modules, no shell
                [sys.executable, kept.__file__, "{}", sys.executable, "-m", program.module],
                env={**usual, **environ},
                cwd=self._folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # a Ctrl-C on the terminal is ours to pass on, in order
            )
        process = Process(task, service, environ, popen, self._said[service])
        threading.Thread(target=process.listen, daemon=True).start()
        return process

    def _last_words(self, process: Process) -> str:
        logs = sorted(self._folder.glob(f"{process.service}-*.log"))
        words = [path.read_text("utf-8", "replace").strip() for path in logs]
        return next((text.splitlines()[-1][:300] for text in reversed(words) if text), "it said nothing")


def _alive(process: Process) -> bool:
    return process.popen.poll() is None


def _json(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
