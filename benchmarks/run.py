"""`make bench`: measure, print, and write build/bench.json, ``{"name": {"value", "unit", "goal", "floor"}}``.

Smaller is better. ``goal`` is what the project holds itself to; ``floor`` is what this design cannot beat, measured in the
same run wherever it can be.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from alarms.load import load
from benchmarks import catalogue, cold_start, duplicates, warm_cost, zips
from benchmarks.recording import Recording
from cli.catalogue import catalogue_path
from infra.aws.bundle.target import LAMBDA
from remediators.registry import registry

BUILD = Path("build")
ROOMS = ("notifier", "remediators", "interactive")
DEMO_GOAL_S = 60.0
ZIP_GOALS_MB = {"notifier": 5.0, "remediators": 6.0, "interactive": 3.0}
# Against a handler that makes the same clients and posts once: imports of ours, and the AWS calls of the whole first event.
ZIP_COLD_GOALS = {"notifier": 1.8, "remediators": 2.0, "interactive": 1.4}

Figures = dict[str, dict[str, float | str]]


def main() -> None:
    """Run every benchmark; exit 1 when a goal is missed."""
    BUILD.mkdir(exist_ok=True)
    figures: Figures = {}
    recordings: dict[str, Recording] = {}
    for room in ROOMS:
        ours, floor, recording = cold_start.measure(room, BUILD)
        recordings[room] = recording
        _add(figures, f"cold_start_{room}", ours.cpu_ms / floor.cpu_ms, "ratio of CPU time to the floor", 1.1, 1.0)
        _add(figures, f"cold_start_{room}_cpu", ours.cpu_ms, "ms CPU", 1.1 * floor.cpu_ms, floor.cpu_ms)
        _add(figures, f"cold_start_{room}_wall", ours.wall_ms, "ms wall", 1.1 * floor.wall_ms, floor.wall_ms)
    row = next(
        one.alarm for one in load(catalogue_path(None), stage="demo", actions=registry()).desired if one.id == "ecs/cpu-high"
    )
    event, decoding = warm_cost.per_event_ms(recordings["notifier"], row)
    _add(figures, "warm_event", event, "ms CPU, SQS record to rendered blocks", 1.0, decoding)
    _add(figures, "warm_decision", warm_cost.per_decision_ms(recordings["notifier"], row), "ms CPU, all guards", 1.0, 0.0)
    first_change = _calls_to_change(recordings["remediators"].calls)
    _add(figures, "calls_to_first_change", first_change, "AWS calls before the first changing call", 12, 0)
    _duplicates(figures)
    _zips(figures, recordings)
    _catalogue(figures)
    _demo(figures)
    (BUILD / "bench.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    sys.exit(_shown(figures))


def _calls_to_change(calls: tuple[str, ...]) -> int:
    return next(place for place, call in enumerate(calls) if call.endswith(("RegisterScalableTarget", "UpdateService")))


def _duplicates(figures: Figures) -> None:
    made = duplicates.executions()
    if not made:
        raise RuntimeError("none of the duplicates was acted on: that proves nothing")
    _add(figures, "duplicates_executed", made, f"changes for {duplicates.COPIES:,} copies of one alarm at once", 1, 1)


def _zips(figures: Figures, recordings: Mapping[str, Recording]) -> None:
    """Add the size of each zip that is deployed, and what a first answer of it costs under Lambda's own runtime client."""
    what = "MB zipped" if zips.has_bytecode() else f"MB zipped; no Python {LAMBDA.python} here, so without bytecode"
    for room, recording in recordings.items():
        size, plain = zips.megabytes(room, compiled=True), zips.megabytes(room, compiled=False)
        _add(figures, f"zip_{room}", size, what, ZIP_GOALS_MB[room], plain)
        _add(figures, f"zip_{room}_plain", plain, "MB zipped, without bytecode", ZIP_GOALS_MB[room] / 2, 0.0)
        costs = zips.cold(room, recording)
        with_it, without, least = costs.compiled, costs.plain, costs.baseline
        _add(
            figures,
            f"zip_cold_{room}",
            with_it.cpu_ms / least.cpu_ms,
            "ratio of CPU time to the least",
            ZIP_COLD_GOALS[room],
            1.0,
        )
        _add(figures, f"zip_cold_{room}_cpu", with_it.cpu_ms, "ms CPU", ZIP_COLD_GOALS[room] * least.cpu_ms, least.cpu_ms)
        _add(
            figures, f"zip_cold_{room}_wall", with_it.wall_ms, "ms wall", 2 * ZIP_COLD_GOALS[room] * least.wall_ms, least.wall_ms
        )
        _add(figures, f"zip_cold_{room}_plain", without.cpu_ms, "ms CPU, without bytecode", 5 * least.cpu_ms, least.cpu_ms)
        _add(figures, f"zip_cold_{room}_bytecode", with_it.cpu_ms / without.cpu_ms, "CPU time with to without bytecode", 0.7, 0.0)


def _catalogue(figures: Figures) -> None:
    with tempfile.TemporaryDirectory() as folder:
        costs = catalogue.measure(Path(folder))
    _add(figures, "catalogue_10000_load", costs["load"], "s CPU", 10.0, costs["yaml"])
    _add(figures, "catalogue_10000_check", costs["check"], "s CPU", 10.0, costs["yaml"])
    _add(figures, "catalogue_10000_plan", costs["plan"], "s CPU, a tenth changed", 10.0, costs["yaml"])


def _demo(figures: Figures) -> None:
    before = time.perf_counter()
    subprocess.run([sys.executable, "-m", "cli", "demo", "--out", str(BUILD / "bench-demo")], check=True, capture_output=True)
    _add(figures, "demo", time.perf_counter() - before, "s wall", DEMO_GOAL_S, 0.0)


def _add(figures: Figures, name: str, value: float, unit: str, goal: float, floor: float) -> None:
    figures[name] = {"value": round(value, 4), "unit": unit, "goal": round(goal, 4), "floor": round(floor, 4)}


def _shown(figures: Figures) -> int:
    missed = 0
    for name, figure in figures.items():
        held = float(figure["value"]) <= float(figure["goal"])
        missed += not held
        mark, bounds = "ok  " if held else "MISS", f"goal {figure['goal']}, floor {figure['floor']}"
        print(f"{mark} {name:<28} {figure['value']:>9} {figure['unit']} ({bounds})")
    return 1 if missed else 0


if __name__ == "__main__":
    main()
