"""docs/telemetry.md lists the metrics that the functions publish: each by name, unit, functions and meaning, and no other."""

from __future__ import annotations

from pathlib import Path

from alarms.domain.telemetry import METRICS

PAGE = Path(__file__).parents[2] / "docs" / "telemetry.md"


def test_the_page_says_what_is_published() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert [tuple(row[:4]) for row in rows] == [
        (f"`{metric.name}`", metric.unit, ", ".join(metric.functions), metric.meaning) for metric in METRICS.values()
    ]
