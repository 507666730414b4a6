"""The world that deployments are tested in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from deploy_world import REGION, World

from infra.local.aws import embedded


@pytest.fixture
def world() -> Iterator[World]:
    """Open an embedded AWS in which CloudWatch's calls per second hold, with a catalogue table."""
    with embedded(datetime(2026, 10, 30, 9, tzinfo=UTC), region=REGION, throttle=True) as aws:
        yield World(aws)
