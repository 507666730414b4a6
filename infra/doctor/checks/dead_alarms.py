"""dead-alarms: what the alarms watch is published, under exactly these dimensions."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alarms import metrics
from alarms.dashboards.series import series_of
from alarms.desired import Desired
from alarms.metrics import Trait
from infra.doctor.check import PIPELINE, SPOKE, Check, CouldNotTell, Finding, ok, unknown, wrong
from infra.doctor.deployment import Deployment

ALIKE = 0.8  # of two values, from which on one is taken for a slip of the other
MOST_PAGES = 100  # of 500 metrics: the series of one metric name
_QUIET = (Trait.ONLY_NONZERO, Trait.ONLY_WHILE_RUNNING, Trait.IDLE_STOPS)

Series = frozenset[tuple[str, str]]
Name = tuple[str, str]


def look(deployment: Deployment) -> Iterator[Finding]:
    """Look for each series that an alarm reads among those that were published in the last two weeks."""
    read: dict[Name, dict[Series, list[Desired]]] = {}
    for one in deployment.desired:
        for name, series in _reads(one):
            read.setdefault(name, {}).setdefault(series, []).append(one)
    alive = 0
    for name, wanted in sorted(read.items()):
        try:
            published = _published(deployment, name)
        except CouldNotTell as error:
            yield unknown(" ".join(name), str(error))
            continue
        for series, alarms in wanted.items():
            if series in published:
                alive += 1
            else:
                yield _dead(name, series, published - wanted.keys(), alarms)
    if alive:
        yield ok("metrics", f"{alive} series that alarms read are published")


def _reads(one: Desired) -> Iterator[tuple[Name, Series]]:
    for entry in series_of(one) if "AlarmRule" not in one.request else ():
        if isinstance(entry[0], str):
            flat = entry[2:-1]
            yield (entry[0], entry[1]), frozenset(zip(flat[::2], flat[1::2], strict=True))


def _published(deployment: Deployment, name: Name) -> set[Series]:
    found: set[Series] = set()
    asked = {"Namespace": name[0], "MetricName": name[1]}
    for page in deployment.aws.pages("cloudwatch", "ListMetrics", "NextToken", MOST_PAGES, **asked):
        found.update(_series(metric.get("Dimensions", ())) for metric in page["Metrics"])
    return found


def _series(dimensions: Sequence[Mapping[str, Any]]) -> Series:
    return frozenset((one["Name"], one["Value"]) for one in dimensions)


def _dead(name: Name, series: Series, published: set[Series], alarms: Sequence[Desired]) -> Finding:
    """Say what is wrong with a series that nobody publishes: a typo, or a quiet metric. ``published``: what no alarm reads."""
    row = alarms[0].id + (f" and {len(alarms) - 1} more" if len(alarms) > 1 else "")
    shown = ", ".join(f"{key}={value}" for key, value in sorted(series))
    what = f"{' '.join(name)} {shown} was not published in the last two weeks"
    if near := _near(series, published):
        return wrong(row, f"{what}; {near} was", "correct the target in the catalogue, then `tocsin apply`")
    fact = metrics.metric(*name)
    if fact and any(fact.has(trait) for trait in _QUIET):
        return ok(row, f"{what}, which it is not while nothing happens")
    if fact and fact.has(Trait.CONTAINER_INSIGHTS):
        return wrong(row, what, "turn Container Insights on for the cluster")
    return wrong(row, what)


def _near(series: Series, published: set[Series]) -> str:
    """Return the published series that was most likely meant: the same dimensions, one of them written a little otherwise."""
    found: list[tuple[float, str]] = []
    for other in published:
        mine, theirs = dict(series - other), dict(other - series)
        if len(mine) == 1 and mine.keys() == theirs.keys():
            ((key, value),) = mine.items()
            likeness = difflib.SequenceMatcher(None, value.casefold(), theirs[key].casefold()).ratio()
            found.append((likeness, f"{key}={theirs[key]}"))
    likeness, shown = max(found, default=(0.0, ""))
    return shown if likeness >= ALIKE else ""


CHECK = Check(
    asks="Is everything that the alarms read published, under exactly their dimensions?",
    why="CloudWatch takes an alarm on a metric that does not exist. It never rings.",
    fix="correct metric or dimensions in the catalogue, or disable the row with a reason until the resource exists",
    reads=("cloudwatch:ListMetrics",),
    look=look,
    asked_of=(PIPELINE, SPOKE),
)
