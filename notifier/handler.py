"""The Lambda function of the notifier: an SQS batch in, the records to be delivered again out."""

from __future__ import annotations

import gc
import os
from datetime import UTC, datetime
from typing import Any

# The vendors' classes and models live as long as the process: collecting while they are made costs a tenth of a cold
# start. So the collector rests, and whatever was made meanwhile is set aside before it comes back.
gc.disable()
from notifier.bootstrap import App, build  # noqa: E402 - the collector must be off before this import

gc.freeze()
gc.enable()

_built: dict[str, App] = {}


def handler(event: dict[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
    """Handle one batch from the notifier's queue (event source mapping with ReportBatchItemFailures)."""
    if app := _built.get("app"):
        return app.handle(event, context, datetime.now(UTC))
    gc.disable()
    try:
        app = _built["app"] = build(os.environ)
        return app.handle(event, context, datetime.now(UTC))
    finally:
        gc.freeze()
        gc.enable()
