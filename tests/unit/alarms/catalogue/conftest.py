"""A small catalogue on disk, and the one way to load it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from alarms.load import Loaded, load
from remediators.registry import registry

ROW = """\
component: sqs
defaults: {notify: ops-alerts, owner: platform}
alarms:
  - id: oldest-message-age
    title: Queue backlog
    metric: AWS/SQS ApproximateAgeOfOldestMessage
    statistic: Maximum
    dimensions: {QueueName: image-jobs}
    when: ">= 600 s"
    for: 15 m
    missing: not_breaching
    severity: critical
    runbook: docs/runbooks/sqs-oldest-message-age.md
    no_action: "nothing is safe"
"""

PROFILE = """\
component: sqs
alarms:
  - id: oldest-message-age
    title: Queue backlog
    metric: AWS/SQS ApproximateAgeOfOldestMessage
    statistic: Maximum
    per: [QueueName]
    when: ">= 600 s"
    for: 15 m
    missing: not_breaching
    severity: critical
    runbook: docs/runbooks/sqs-oldest-message-age.md
    remediate:
      - action: scale-consumers
        with: {drain_within: 10 m}
        limits: [3 per hour]
        revert: {after_ok: 30 m, at_latest: 6 h}
"""

SERVICE = """\
service: image-processing
owner: platform
notify: ops-alerts
use:
  sqs:
    targets: [{QueueName: image-jobs}]
    overrides:
      oldest-message-age:
        remediate: {scale-consumers: {with: {cluster: image, consumer: consumer, max_tasks: 40}, mode: auto}}
stages:
  dev: {mode_cap: observe}
"""

TOCSIN = """\
catalogue: test
stages:
  dev: {mode_cap: auto}
  prod: {mode_cap: auto, account: "999999999999", region: eu-west-1, channels: {ops-alerts: "#ops"}}
"""

Load = Callable[..., Loaded]


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Write files, given by path, and load the folder (or ``only`` one of them) from inside it."""
    monkeypatch.chdir(tmp_path)

    def write_and_load(
        files: dict[str, str | bytes] | str, *, stage: str | None = None, only: str = ".", today: date | None = None, **more: Any
    ) -> Loaded:
        for name, content in (files if isinstance(files, dict) else {"rows.yaml": files}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return load(Path(only), stage=stage, actions=registry(), today=today, **more)

    return write_and_load


@pytest.fixture
def house() -> dict[str, str | bytes]:
    """Return a catalogue with tocsin.yaml, one profile and one service."""
    return {"tocsin.yaml": TOCSIN, "profiles/sqs.yaml": PROFILE, "services/image-processing.yaml": SERVICE}
