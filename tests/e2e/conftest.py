"""The pipeline as it is deployed, on an independent emulator of AWS that runs its functions, queues and schedules."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import autoscaling_double
import deployed_pipeline
import ministack_process
import pytest
from deployed_pipeline import Deployment
from fasteners import InterProcessLock

from infra.local.slack import Workspace
from infra.local.slack_http import serving as slack_serving
from infra.local.slack_people import everybody


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> Path:
    """Return the folder of the synthesised stack, written once for all workers of a test run."""
    shared = tmp_path_factory.getbasetemp().parent / f"e2e-assembly-{testrun_uid}"
    with InterProcessLock(f"{shared}.lock"):
        if not shared.exists():
            deployed_pipeline.synthesise(shared)
    return shared


@pytest.fixture
def deployment(assembly: Path, tmp_path: Path) -> Iterator[Deployment]:
    """Deploy, with Slack and autoscaling at addresses that the functions inherit from the emulator's environment."""
    workspace, scaling = Workspace(lambda: datetime.now(UTC)), autoscaling_double.AutoScaling()  # noqa: TID251 - it is played in real time
    workspace.people.update({name: person.document() for name, person in everybody().items()})
    with slack_serving(workspace) as slack_url, autoscaling_double.serving(scaling) as scaling_url:
        environ = {"TOCSIN_SLACK_URL": slack_url, autoscaling_double.ADDRESS: scaling_url, "NO_PROXY": "127.0.0.1,localhost"}
        with ministack_process.running(tmp_path, environ) as aws:
            scaling.ecs = aws.client("ecs")
            outputs = deployed_pipeline.deploy(aws, assembly)
            yield Deployment(aws, workspace, scaling, outputs["DoorUrl"], slack_url)


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[ministack_process.Ministack]:
    """Run the emulator with nothing in it."""
    with ministack_process.running(tmp_path, {}) as aws:
        yield aws


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep loopback off a proxy that the machine may have."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
