"""The functions' zips: their size, and the CPU time from process start to the first answer under Lambda's own runtime client.

Three processes take turns: the function with bytecode, the same without, and a baseline (the least that a function on botocore
does: the same clients, one post) from a zip with bytecode. So a ratio holds on any machine, and a noisy neighbour troubles all.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.cold_start import Cost, environment
from benchmarks.first_event import signed
from benchmarks.loopback import Loopback
from benchmarks.recording import Recording
from infra.aws.bundle import bytecode
from infra.aws.bundle.builder import build
from infra.aws.bundle.functions import FUNCTIONS
from infra.aws.bundle.target import LAMBDA, here
from infra.local.lambda_process import running, runtime_client, unpacked
from infra.local.runtime_api import Outcome

RUNS = 5
RUNS_PLAIN = 3  # compiling everything takes its time, and varies little
BASELINE = '''"""The baseline of a cold start on Lambda: the same clients, one post."""
import os
import urllib.request

import botocore.session


def handler(event, context):
    session = botocore.session.get_session()
    clients = [session.create_client(service) for service in event["services"]]
    request = urllib.request.Request(os.environ["TOCSIN_SLACK_URL"] + "chat.postMessage", data=b"{}")
    with urllib.request.urlopen(request) as answer:
        answer.read()
    return len(clients)
'''


@dataclass(frozen=True, slots=True)
class Costs:
    """Medians of one room's three sides."""

    compiled: Cost
    plain: Cost
    baseline: Cost


def megabytes(room: str, *, compiled: bool) -> float:
    """Return the size of the zip that is deployed, in 10^6 bytes; with ``compiled`` False that of one without bytecode."""
    return build(FUNCTIONS[room], LAMBDA, compiled=compiled).stat().st_size / 1e6


def has_bytecode() -> bool:
    """Tell whether this machine can put bytecode into the zip that is deployed."""
    return bytecode.interpreter(LAMBDA.python) is not None


def cold(room: str, recording: Recording) -> Costs:
    """Return what the room's first answer costs. RuntimeError when a run does not answer: a crash is no fast start."""
    function = FUNCTIONS[room]
    with TemporaryDirectory() as made:
        folder = Path(made)
        client = runtime_client(folder / "client")
        compiled = unpacked(build(function, here()), folder / "compiled")
        plain = unpacked(build(function, here(), compiled=False), folder / "plain")
        _baseline(unpacked(build(function, here()), folder / "baseline"))
        outside = Loopback(recording.answers)
        costs: Mapping[str, list[Cost]] = {"compiled": [], "plain": [], "baseline": []}
        try:
            for run in range(RUNS):
                for side, task in (("compiled", compiled), ("plain", plain), ("baseline", folder / "baseline")):
                    if side == "plain" and run >= RUNS_PLAIN:
                        continue
                    outside.reset()
                    event = {"services": recording.services} if side == "baseline" else _first_event(room, recording)
                    handler = "baseline.handler" if side == "baseline" else function.handler
                    costs[side].append(_run(task, client, handler, environment(recording, outside.url), event))
        finally:
            outside.close()
    return Costs(*(_median(costs[side]) for side in ("compiled", "plain", "baseline")))


def _baseline(task: Path) -> None:
    (task / "baseline.py").write_text(BASELINE, encoding="utf-8")
    python = bytecode.interpreter(here().python)
    assert python is not None  # noqa: S101 - it is the one that runs this
    bytecode.compile_all(python[0], task, ["baseline.py"])


def _first_event(room: str, recording: Recording) -> dict[str, Any]:
    return signed(recording.event) if room == "interactive" else recording.event


def _run(task: Path, client: Path, handler: str, environ: Mapping[str, str], event: Mapping[str, Any]) -> Cost:
    before = time.perf_counter()
    with running(task, client, handler, environ) as run:
        run.api.send(event)
        answer = run.api.answer()
        wall = time.perf_counter() - before
    if answer.outcome is not Outcome.ANSWERED or '"itemIdentifier"' in json.dumps(answer.document):
        raise RuntimeError(f"{handler} did not do its work: {answer.outcome.value} {answer.document}")
    return Cost(run.cpu_ms, wall * 1000)


def _median(costs: list[Cost]) -> Cost:
    return Cost(statistics.median(cost.cpu_ms for cost in costs), statistics.median(cost.wall_ms for cost in costs))
