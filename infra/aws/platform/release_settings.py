"""How the API is deployed: how long a deployment bakes, what may turn it back, what is asked of green before it gets traffic."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.written import Node

LONGEST_BAKE_M = 1440


@dataclass(frozen=True, slots=True)
class Datapoints:
    """M of N minutes: one bad minute turns nothing back."""

    bad: int
    of: int

    @staticmethod
    def read(node: Node) -> Datapoints:
        """Read ``3 of 5``."""
        match = re.fullmatch(r"(\d{1,2}) of (\d{1,2})", node.text())
        found = Datapoints(int(match[1]), int(match[2])) if match else None
        if found is None or not 2 <= found.bad <= found.of <= 30:
            raise node.fail("written like 3 of 5: at least 2 bad minutes, so that a single one turns nothing back")
        return found


def _usual_alarms() -> Mapping[str, Datapoints]:
    return {"alb/5xx-rate": Datapoints(3, 5), "alb/response-time-p90": Datapoints(3, 5)}


@dataclass(frozen=True, slots=True)
class Release:
    """The section ``release``.

    ``bake_m`` are minutes after all traffic has moved in which blue still stands. ``alarms`` are the catalogue's rows, by
    component and id, that become deployment alarms. A minute with fewer than ``min_requests`` counts as good for rates.
    ``rounds``, ``failures`` and ``slowest_ms`` are what the lifecycle hook asks of green.
    """

    bake_m: int = 15
    alarms: Mapping[str, Datapoints] = field(default_factory=_usual_alarms)
    min_requests: int = 20
    rounds: int = 5
    failures: int = 1
    slowest_ms: int = 1000

    @staticmethod
    def read(node: Node) -> Release:
        """Read the section ``release``."""
        said, usual = node.fields("bake", "alarms", "min_requests", "try"), Release()
        tried = said["try"].fields("rounds", "failures", "slowest_ms") if "try" in said else {}
        return Release(
            bake_m=_minutes(said["bake"]) if "bake" in said else usual.bake_m,
            alarms=_alarms(said["alarms"]) if "alarms" in said else usual.alarms,
            min_requests=said["min_requests"].count() if "min_requests" in said else usual.min_requests,
            rounds=tried["rounds"].count(1, 25) if "rounds" in tried else usual.rounds,
            failures=tried["failures"].count(0, 20) if "failures" in tried else usual.failures,
            slowest_ms=tried["slowest_ms"].count(10, 3000) if "slowest_ms" in tried else usual.slowest_ms,
        )


def _alarms(node: Node) -> Mapping[str, Datapoints]:
    if not isinstance(node.value, Mapping) or not node.value:
        raise node.fail("a mapping of at least one row to M of N, like {alb/5xx-rate: 3 of 5}")
    return {name: Datapoints.read(item) for name, item in node.fields(*map(str, node.value)).items()}


def _minutes(node: Node) -> int:
    seconds = node.seconds()
    if seconds % 60 or not 1 <= seconds / 60 <= LONGEST_BAKE_M:
        raise node.fail("whole minutes from 1 m to 24 h")
    return int(seconds // 60)
