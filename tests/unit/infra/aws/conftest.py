"""The stacks of the stage prod, synthesised once for all workers of a test run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fasteners import InterProcessLock

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> Path:
    """Return the folder that `make synth` writes for the stage prod."""
    shared = tmp_path_factory.getbasetemp().parent / f"assembly-{testrun_uid}"
    with InterProcessLock(f"{shared}.lock"):
        if not shared.exists():
            command = [sys.executable, "-m", "infra.aws.app", "--stage", "prod", "--out", str(shared)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-4000:]
    return shared


@pytest.fixture(scope="session")
def templates(assembly: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return each stack's template by the stack's name without ``tocsin-prod-``."""
    found = {file.name.removesuffix(".template.json"): file for file in assembly.glob("*.template.json")}
    return {name.removeprefix("tocsin-prod-"): json.loads(file.read_text("utf-8")) for name, file in found.items()}
