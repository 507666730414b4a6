"""The real clock, for what lives in real time while the embedded AWS's clock stands still: processes, signatures, patience.

freezegun replaces every reference to the clock that a module holds, but for its own: so it is asked each time.
"""

from __future__ import annotations

from datetime import UTC, datetime

from freezegun import api


def seconds() -> float:
    """Return seconds that only grow, since some moment."""
    return float(api.real_monotonic())


def moment() -> datetime:
    """Return the real time, aware, UTC."""
    found: datetime = api.real_datetime.now(UTC)
    return found
