"""The Lambda entry of the remediators: clock and environment enter here, and nowhere else."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse

from remediators.bootstrap import App, build


@cache
def _app() -> App:
    logging.getLogger("tocsin.audit").setLevel(logging.INFO)
    return build(os.environ)


def handler(event: dict[str, Any], context: object) -> PartialItemFailureResponse:
    """Take one batch from the remediators' queue."""
    return _app().handle(event, context, datetime.now(UTC))
