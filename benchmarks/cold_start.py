"""Cold start of each room as a ratio to a floor, both as fresh processes answered by the same loopback server.

CPU time is the child's own (user and system, from the kernel); bytecode is compiled for both sides before the first run. The two
sides take turns, so that a noisy neighbour troubles both.
"""

from __future__ import annotations

import compileall
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.loopback import Loopback
from benchmarks.recording import Recording, record

ROOT = Path(__file__).parents[1]
RUNS = 21


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians over the runs, in milliseconds."""

    cpu_ms: float
    wall_ms: float


def measure(room: str, build: Path, runs: int = RUNS) -> tuple[Cost, Cost, Recording]:
    """Return (room, floor, recording). RuntimeError when either side fails: a crash is no fast start."""
    recording = record(room)
    event = build / f"first-event-{room}.json"
    event.write_text(json.dumps(recording.event), encoding="utf-8")
    for package in ("alarms", "remediators", "notifier", "benchmarks"):
        compileall.compile_dir(ROOT / package, quiet=1)
    loopback = Loopback(recording.answers)
    environ = environment(recording, loopback.url)
    ours = [sys.executable, "-m", "benchmarks.first_event", room, str(event)]
    floor = [sys.executable, "-m", "benchmarks.floor", loopback.url, *recording.services]
    costs: dict[str, list[Cost]] = {"ours": [], "floor": []}
    try:
        for run in range(runs + 1):
            for side, command in (("ours", ours), ("floor", floor)):
                loopback.reset()
                cost = _run(command, environ)
                costs[side] += [cost] if run else []  # the first run of each writes the vendors' bytecode
                _checked(side, recording, loopback)
    finally:
        loopback.close()
    return _median(costs["ours"]), _median(costs["floor"]), recording


def _checked(side: str, recording: Recording, loopback: Loopback) -> None:
    """Refuse a run that did not make the calls that the recording made."""
    if side == "ours" and sum(loopback.calls.values()) != len(recording.calls):
        raise RuntimeError(f"the cold start made {dict(loopback.calls)}, the recording {recording.calls}")


def environment(recording: Recording, url: str) -> dict[str, str]:
    """Return the environment of a function that is answered by the loopback server at ``url``."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        **recording.environ,
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "loopback",
        "AWS_SECRET_ACCESS_KEY": "loopback",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "TOCSIN_SLACK_URL": f"{url}/api/",
        "PYTHONHASHSEED": "0",
    }


def _run(command: list[str], environ: dict[str, str]) -> Cost:
    before = time.perf_counter()
    child = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None  # noqa: S101 - a pipe was asked for
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - before
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{' '.join(command[2:4])} failed: {said[-800:]}")
    return Cost((usage.ru_utime + usage.ru_stime) * 1000, wall * 1000)


def _median(costs: list[Cost]) -> Cost:
    return Cost(statistics.median(cost.cpu_ms for cost in costs), statistics.median(cost.wall_ms for cost in costs))
