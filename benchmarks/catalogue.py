"""A catalogue of 10,000 alarms: load and compile it, lint it, plan it when a tenth has changed; beside only reading the YAML."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import yaml

from alarms.checks import run
from alarms.deploy import target_of
from alarms.load import Loaded, load
from alarms.plan import plan
from alarms.plan_types import Actual
from remediators.registry import registry

T = TypeVar("T")
SERVICES, TARGETS = 100, 50  # 2 queue rows x 50 targets x 100 services

PROFILE = """\
component: sqs
alarms:
  - id: oldest-message-age
    title: Queue backlog delays processing
    metric: AWS/SQS ApproximateAgeOfOldestMessage
    statistic: Maximum
    when: ">= 600 s"
    for: 15 m
    missing: not_breaching
    severity: critical
    runbook: docs/runbooks/sqs-oldest-message-age.md
    no_action: measured only
  - id: backlog
    title: Queue is long
    metric: AWS/SQS ApproximateNumberOfMessagesVisible
    statistic: Maximum
    when: ">= 1000"
    for: 5 m
    missing: not_breaching
    severity: warning
    runbook: docs/runbooks/sqs-oldest-message-age.md
    no_action: measured only
"""


def write(folder: Path) -> int:
    """Write the catalogue below ``folder``; returns how many alarms it has."""
    (folder / "profiles").mkdir(parents=True, exist_ok=True)
    (folder / "services").mkdir(exist_ok=True)
    (folder / "profiles/sqs.yaml").write_text(PROFILE, encoding="utf-8")
    for service in range(SERVICES):
        targets = "".join(f"      - {{QueueName: jobs-{service}-{target}}}\n" for target in range(TARGETS))
        text = f"service: service-{service}\nowner: platform\nnotify: ops\nuse:\n  sqs:\n    targets:\n{targets}"
        (folder / f"services/service-{service}.yaml").write_text(text, encoding="utf-8")
    return SERVICES * TARGETS * 2


def measure(folder: Path) -> dict[str, float]:
    """Return CPU seconds of each step: ``yaml`` (the floor), ``load``, ``check``, ``plan``."""
    count = write(folder)
    floor, _ = _cpu(lambda: [_read(path) for path in folder.rglob("*.yaml")])
    loading, loaded = _cpu(lambda: _load(folder))
    if len(loaded.desired) != count:
        raise RuntimeError(f"{len(loaded.desired)} alarms of {count}: {loaded.errors[:1]}")
    checking, _ = _cpu(lambda: run(loaded.desired, loaded.settings, registry()))
    return {"yaml": floor, "load": loading, "check": checking, "plan": _planning(loaded)}


def _planning(loaded: Loaded) -> float:
    """Return the CPU seconds of a plan against an account in which every tenth alarm has another threshold."""
    target = target_of(loaded.settings)
    first = plan(loaded.desired, [], target)
    live = [
        Actual(
            item.name,
            f"arn:{item.name}",
            item.operation,
            {**item.request, "Threshold": 1.0 if at % 10 == 0 else item.request["Threshold"]},
            item.tags,
        )
        for at, item in enumerate(first.items)
    ]
    spent, second = _cpu(lambda: plan(loaded.desired, live, target))
    if len(second.update) != len(live) // 10:
        raise RuntimeError(f"{len(second.update)} updates planned of {len(live) // 10}")
    return spent


def _load(folder: Path) -> Loaded:
    return load(folder, stage=None, actions=registry())


def _read(path: Path) -> object:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 - a safe loader, and our own file


def _cpu(work: Callable[[], T]) -> tuple[float, T]:
    before = time.process_time()
    result = work()
    return time.process_time() - before, result
