"""An embedded AWS that opens for each test on the last evening of October."""

from __future__ import annotations

from collections.abc import Iterator

import freezegun
import pytest
from overlay_story import START

from infra.local.aws import Embedded, embedded

# pytest's own stopwatch runs on real time: else --durations tells of decades.
freezegun.configure(extend_ignore_list=["_pytest.timing"])


@pytest.fixture
def aws() -> Iterator[Embedded]:
    """Return an open embedded AWS; its clock stands at 13:00 UTC."""
    with embedded(START) as opened:
        yield opened
