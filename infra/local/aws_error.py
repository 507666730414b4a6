"""An AWS service's "no", as an overlay raises it; the seam turns it into the client's exception."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class AwsError(Exception):
    """An error answer: ``code`` as the service spells it, ``message``, HTTP ``status`` (None: what the model says, else 400).

    ``extra`` are further top-level members of the error answer.
    """

    def __init__(self, code: str, message: str, status: int | None = None, extra: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.extra = dict(extra or {})
