"""What is known of AWS's own metrics: unit, dimension sets, and how each behaves in an alarm.

Two files are merged, and the second wins, field by field:

- ``metrics.json``: names, units and dimension sets from AWS's published metric metadata. It has holes, and its dimension
  sets are partial.
- ``metrics_supplement.json``: ours, written from the services' own documentation. Its dimension sets are whole.

What is absent is unknown, and unknown is never a finding.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources
from typing import Any

# Namespaces whose list of names is taken as whole, so that another name in them is a mistake.
COMPLETE = frozenset({"AWS/ApiGateway", "AWS/ApplicationELB", "AWS/ECS", "AWS/RDS", "AWS/SQS"})

_ALIKE = 0.72  # difflib's ratio above which a name is worth proposing: `Latencyy`, `CpuUtilisation`


class Trait(StrEnum):
    """How a metric behaves, as far as it matters in an alarm. The value is what the JSON files hold."""

    ONES = "ones"  # every sample is 1: Average, Minimum and Maximum are always 1, only Sum (or SampleCount) counts
    FRACTION = "fraction"  # Average is a share from 0 to 1, never percent
    LEVEL = "level"  # a reading, not an amount: adding readings up means nothing
    AGE = "age"  # one old thing matters: Maximum
    LATENCY = "latency"  # a distribution: averages hide its tail, percentiles need enough samples
    ONLY_NONZERO = "only-nonzero"  # no point in minutes with nothing to count
    ONLY_WHILE_RUNNING = "only-while-running"  # no point while nothing runs
    IDLE_STOPS = "idle-stops"  # no points after a long idle time
    CONTAINER_INSIGHTS = "container-insights"  # only when Container Insights is on
    NOT_AURORA = "not-aurora"  # Aurora publishes no such metric
    AURORA_MYSQL = "aurora-mysql"  # only Aurora MySQL publishes it


@dataclass(frozen=True, slots=True)
class MetricFact:
    """What is known of one metric.

    ``unit`` is CloudWatch's StandardUnit (``Seconds``), None when unknown. ``dimensions`` are the known sets of dimension
    names, empty when unknown; only when ``dimensions_whole`` is another set certainly without data. ``statistics`` are the
    useful ones (empty: unknown), ``period_s`` the shortest useful period where it is above 60 s.
    """

    namespace: str
    name: str
    unit: str | None = None
    dimensions: tuple[frozenset[str], ...] = ()
    dimensions_whole: bool = False
    statistics: tuple[str, ...] = ()
    traits: frozenset[Trait] = frozenset()
    period_s: int = 60
    note: str = ""

    def has(self, trait: Trait) -> bool:
        """Tell whether the metric is known to behave like ``trait``."""
        return trait in self.traits


def metric(namespace: str, name: str) -> MetricFact | None:
    """Return what is known of a metric; None when nothing is (which says nothing against it)."""
    return _catalogue().get(namespace, {}).get(name)


def known(namespace: str) -> bool:
    """Tell whether any metric of ``namespace`` is known."""
    return namespace in _catalogue()


def namespaces() -> tuple[str, ...]:
    """Return the namespaces of which metrics are known, sorted."""
    return tuple(sorted(_catalogue()))


@lru_cache(maxsize=1024)  # a row with a thousand targets asks a thousand times
def suggest(namespace: str, name: str) -> str | None:
    """Return the known metric of ``namespace`` that ``name`` most likely means; None when none is near or it is right."""
    names = _catalogue().get(namespace, {})
    return None if name in names else _nearest(name, tuple(names))


def suggest_namespace(namespace: str) -> str | None:
    """Return the known namespace that differs from ``namespace`` by case alone (``AWS/Sqs``); None when none does."""
    folded = {known_name.casefold(): known_name for known_name in _catalogue()}
    found = folded.get(namespace.casefold())
    return found if found != namespace else None


def _nearest(name: str, names: tuple[str, ...]) -> str | None:
    folded = {candidate.casefold(): candidate for candidate in names}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=_ALIKE)
    return folded[near[0]] if near else None


@cache
def _catalogue() -> Mapping[str, Mapping[str, MetricFact]]:
    """Read both files once, on first use."""
    published, ours = _read("metrics.json"), _read("metrics_supplement.json")
    return {
        namespace: {
            name: _fact(namespace, name, published.get(namespace, {}).get(name, {}), ours.get(namespace, {}).get(name, {}))
            for name in published.get(namespace, {}) | ours.get(namespace, {})
        }
        for namespace in published | ours
    }


def _read(file: str) -> dict[str, dict[str, dict[str, Any]]]:
    content: dict[str, dict[str, dict[str, Any]]] = json.loads((resources.files("alarms") / file).read_text("utf-8"))
    return content


def _fact(namespace: str, name: str, published: Mapping[str, Any], ours: Mapping[str, Any]) -> MetricFact:
    merged = {**published, **ours}
    return MetricFact(
        namespace=namespace,
        name=name,
        unit=merged.get("unit"),
        dimensions=tuple(frozenset(names.split("+")) for names in merged.get("dimensions", ())),
        dimensions_whole="dimensions" in ours,
        statistics=tuple(merged.get("statistics", ())),
        traits=frozenset(Trait(trait) for trait in merged.get("traits", ())),
        period_s=int(merged.get("period", 60)),
        note=merged.get("note", ""),
    )
