"""What the audit entries of one invocation count for. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from alarms.domain import telemetry
from alarms.domain.report import Phase
from alarms.domain.telemetry import Measured, Metric, counted
from remediators.journal import REPEATED
from remediators.looking_back.chronicle import SWEPT
from remediators.sweep import LOST, SWEEP_DONE

PHASES: Mapping[str, Metric] = {
    Phase.ACTED.value: telemetry.CHANGED,
    Phase.REVERTED.value: telemetry.GIVEN_BACK,
    Phase.ESCALATED.value: telemetry.ESCALATED,
    Phase.HELPED.value: telemetry.HELPED,
    Phase.NO_HELP.value: telemetry.NOT_HELPED,
}
Entry = Mapping[str, Any]


def acted(entries: Sequence[Entry]) -> Measured:
    """Return what one batch of the remediators measured."""
    phases = Counter(PHASES[entry["phase"]].name for entry in entries if _of_a_run(entry) and entry.get("phase") in PHASES)
    refused = Counter(str(entry["reason"]) for entry in entries if _is_refusal(entry))
    counts = {
        **phases,
        telemetry.REFUSED.name: refused.total(),
        telemetry.SWEPT.name: sum(entry.get("about") == SWEEP_DONE for entry in entries),
        telemetry.SWEEP_FOUND.name: sum(entry.get("type") == SWEPT and entry.get("about") != LOST for entry in entries),
    }
    return Measured(counted(**counts), refused)


def _of_a_run(entry: Entry) -> bool:
    return entry.get("type") in ("action", "revert")


def _is_refusal(entry: Entry) -> bool:
    """Tell whether a guard said no: to a decision, or right before the change. Repetitions are no decisions."""
    said_no = entry.get("verdict") == "skip" or (_of_a_run(entry) and entry.get("phase") == Phase.SKIPPED.value)
    return said_no and bool(entry.get("reason")) and entry["reason"] not in REPEATED
