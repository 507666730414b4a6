"""The Lambda function behind Slack's Request URL: an HTTP API event (payload format 2.0) in, an empty answer out."""

from __future__ import annotations

import gc
import os
from datetime import UTC, datetime
from typing import Any

# As in notifier.handler: what is made at start lives as long as the process, so the collector rests meanwhile.
gc.disable()
from notifier.interactive import Door  # noqa: E402 - the collector must be off before this import
from notifier.interactive_bootstrap import build  # noqa: E402 - as above

gc.freeze()
gc.enable()

_built: dict[str, Door] = {}


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's own signature
    """Answer one press of a button."""
    if door := _built.get("door"):
        return door.handle(event, datetime.now(UTC))
    gc.disable()
    try:
        door = _built["door"] = build(os.environ)
        return door.handle(event, datetime.now(UTC))
    finally:
        gc.freeze()
        gc.enable()
