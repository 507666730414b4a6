"""The Lambda function behind Slack's Request URL: an HTTP API event (payload format 2.0) in, an empty answer out."""

from __future__ import annotations

import gc
import os
import sys
from datetime import UTC, datetime
from functools import partial
from typing import Any

# As in notifier.handler: what is made at start lives as long as the process, so the collector rests meanwhile.
gc.disable()
from alarms.domain.meter import Meter  # noqa: E402 - the collector must be off before this import
from alarms.domain.telemetry import Function  # noqa: E402 - as above
from notifier import telemetry  # noqa: E402 - as above
from notifier.interactive import Door  # noqa: E402 - as above
from notifier.interactive_bootstrap import build, log_line  # noqa: E402 - as above

gc.freeze()
gc.enable()

_built: dict[str, tuple[Door, Meter]] = {}


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one press of a button."""
    now = datetime.now(UTC)
    if built := _built.get("door"):
        door, meter = built
        return meter.watch(partial(door.handle, event, now), event, context, now)
    gc.disable()
    try:
        meter = Meter(Function.INTERACTIVE, os.environ, read=telemetry.pressed, say=log_line, write=sys.stdout.write)
        return meter.watch(lambda: _first(meter).handle(event, now), event, context, now)
    finally:
        gc.freeze()
        gc.enable()


def _first(meter: Meter) -> Door:
    door = build(os.environ, log=meter.log)
    _built["door"] = (door, meter)
    return door
