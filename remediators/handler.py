"""The Lambda entry of the remediators: clock and environment enter here, and nowhere else."""

from __future__ import annotations

import gc
import logging
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

# The vendors' classes and models live as long as the process: collecting while they are made costs a tenth of a cold
# start. So the collector rests, and whatever was made meanwhile is set aside before it comes back.
gc.disable()
from remediators.bootstrap import App, build  # noqa: E402 - the collector must be off before this import

gc.freeze()
gc.enable()

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse

_built: dict[str, App] = {}


def handler(event: dict[str, Any], context: object) -> PartialItemFailureResponse:
    """Take one batch from the remediators' queue (event source mapping with ReportBatchItemFailures)."""
    if app := _built.get("app"):
        return app.handle(event, context, datetime.now(UTC))
    gc.disable()
    try:
        logging.getLogger("tocsin.audit").setLevel(logging.INFO)
        app = _built["app"] = build(os.environ)
        return app.handle(event, context, datetime.now(UTC))
    finally:
        gc.freeze()
        gc.enable()
