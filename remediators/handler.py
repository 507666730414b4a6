"""The Lambda entry of the remediators: clock and environment enter here, and nowhere else."""

from __future__ import annotations

import gc
import os
import sys
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

# The vendors' classes and models live as long as the process: collecting while they are made costs a tenth of a cold
# start. So the collector rests, and whatever was made meanwhile is set aside before it comes back.
gc.disable()
from alarms.domain.meter import Meter  # noqa: E402 - the collector must be off before this import
from alarms.domain.telemetry import Function  # noqa: E402 - as above
from remediators import telemetry  # noqa: E402 - as above
from remediators.bootstrap import App, build, log_line  # noqa: E402 - as above

gc.freeze()
gc.enable()

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse

_built: dict[str, tuple[App, Meter]] = {}


def handler(event: dict[str, Any], context: object) -> PartialItemFailureResponse:
    """Take one batch from the remediators' queue (event source mapping with ReportBatchItemFailures)."""
    now = datetime.now(UTC)
    if built := _built.get("app"):
        app, meter = built
        return meter.watch(partial(app.handle, event, context, now), event, context, now)
    gc.disable()
    try:
        meter = Meter(Function.REMEDIATORS, os.environ, read=telemetry.acted, say=log_line, write=sys.stdout.write)
        return meter.watch(lambda: _first(meter).handle(event, context, now), event, context, now)
    finally:
        gc.freeze()
        gc.enable()


def _first(meter: Meter) -> App:
    app = build(os.environ, audit=meter.log)
    _built["app"] = (app, meter)
    return app
