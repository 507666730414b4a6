"""Processes follow the tasks of a service: started with them, stopped with them, replaced when they end."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alarms.domain.errors import CannotRun
from infra.local.ecs_model import Service, Task
from infra.local.task_processes import Program, TaskProcesses

NOW = datetime(2026, 10, 31, tzinfo=UTC)
WORKER = """
import json, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print(json.dumps({"event": "started"}), flush=True)
print("no JSON", flush=True)
print(json.dumps({"cpu_s": 0.25}), flush=True)
time.sleep(600)
"""


def service(*running: str) -> Service:
    """Return a service whose tasks of these names run."""
    made = Service("worker", "arn:worker", "arn:cluster", len(running), NOW, {}, {})
    made.tasks = {name: Task(name, "d", "worker:1", NOW, last_status="RUNNING") for name in running}
    return made


@pytest.fixture
def ended() -> list[tuple[str, str, int]]:
    return []


@pytest.fixture
def processes(tmp_path: Path, ended: list[tuple[str, str, int]]) -> Iterator[TaskProcesses]:
    (tmp_path / "a_worker.py").write_text(WORKER)
    (tmp_path / "a_broken_one.py").write_text("import sys; sys.exit('DATABASE_HOST is not set')")
    programs = {
        "worker": Program("a_worker", lambda: {"PYTHONPATH": str(tmp_path)}, lambda process: process.started),
        "broken": Program("a_broken_one", lambda: {"PYTHONPATH": str(tmp_path)}, lambda process: process.started),
    }
    made = TaskProcesses(programs, tmp_path, lambda *told: ended.append(told))
    yield made
    made.stop()


def test_a_task_that_runs_is_a_process_and_one_that_stops_is_none(processes: TaskProcesses) -> None:
    both = service("one", "two")
    processes.follow(both)
    processes.follow(both)
    processes.settle()
    assert [process.task for process in processes.of("worker")] == ["one", "two"]

    both.tasks["two"] = dataclasses.replace(both.tasks["two"], stopping_at=NOW)
    processes.follow(both)
    assert [process.task for process in processes.of("worker")] == ["one"]
    assert processes.count == 2


def test_what_processes_say_is_heard_once(processes: TaskProcesses) -> None:
    processes.follow(service("one"))
    processes.settle()
    heard: list[dict[str, object]] = []
    while not any("cpu_s" in line for line in heard):
        heard += processes.heard("worker")

    assert [line for line in heard if line] == [{"event": "started"}, {"cpu_s": 0.25}]
    assert processes.heard("worker") == []


def test_a_process_that_ends_unasked_is_told_of_with_its_task(
    processes: TaskProcesses, ended: list[tuple[str, str, int]]
) -> None:
    processes.follow(service("one", "two"))
    processes.settle()
    gone = processes.of("worker")[0]
    gone.popen.terminate()  # nobody asked for it: the task has not been stopped
    gone.popen.wait()
    processes.settle()

    assert ended == [("worker", "one", 0)]
    assert [process.task for process in processes.of("worker")] == ["two"]


def test_a_process_that_does_not_start_is_one_line_with_its_last_words(processes: TaskProcesses) -> None:
    broken = service("one")
    broken.name = "broken"
    processes.follow(broken)

    with pytest.raises(CannotRun, match="a process of broken did not start: DATABASE_HOST is not set"):
        processes.settle()


def test_nothing_is_started_once_all_have_been_ended(processes: TaskProcesses) -> None:
    processes.follow(service("one"))
    processes.stop()
    processes.follow(service("one", "two"))

    assert processes.of("worker") == []
    assert processes.count == 1
