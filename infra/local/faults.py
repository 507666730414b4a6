"""Failures that a test orders: which call fails, how, how often, before or after it takes effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class Fault:
    """One ordered failure; ``times`` counts down, None is until lifted. ``operation`` ``*`` means any of the service."""

    service: str
    operation: str
    error_code: str
    times: int | None
    after_effect: bool
    when: Callable[[Mapping[str, Any]], bool] | None
    message: str

    def lift(self) -> None:
        """End it."""
        self.times = 0

    def matches(self, service: str, operation: str, params: Mapping[str, Any]) -> bool:
        """Tell whether it strikes this call."""
        return (
            self.times != 0
            and self.service == service
            and self.operation in (operation, "*")
            and (self.when is None or self.when(params))
        )


class Faults:
    """The failures that wait; the oldest that matches strikes."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Order ``fault``."""
        self._faults.append(fault)
        return fault

    def due(self, service: str, operation: str, params: Mapping[str, Any]) -> Fault | None:
        """Return the failure that strikes this call, counted down by one; None when it may succeed."""
        for fault in self._faults:
            if fault.matches(service, operation, params):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None
