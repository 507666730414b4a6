"""The deployment that the doctor looks at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from doctor_world import REGION, START, World, catalogue

from infra.local.aws import embedded
from infra.local.slack import Workspace
from infra.local.slack_http import serving


@pytest.fixture
def world() -> Iterator[World]:
    """Open an embedded AWS in which a healthy stage stands, and a Slack that knows its channel."""
    loaded = catalogue()
    with embedded(START, region=REGION) as aws:
        workspace = Workspace(lambda: aws.clock.now, channels={"#ops-alerts": "C0OPS"})
        with serving(workspace) as url:
            yield World(aws, workspace, url, loaded.desired, loaded.settings)
