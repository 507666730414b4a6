"""The data points of the embedded account: raw values by minute (or second), read as statistics over any period.

Times are whole epoch seconds. A point belongs to the minute (or, for high-resolution data, the second) in which it lies.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MINUTE = 60
BASIC = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
MAX_VALUES = 150  # unique values in one datum. [PutMetricData]

Dimensions = frozenset[tuple[str, str]]
Key = tuple[str, str, Dimensions]


@dataclass(slots=True)
class Bucket:
    """What was published for one minute or second. ``raw`` counts each value; None once a statistic set came in."""

    count: float = 0.0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    raw: dict[float, float] | None = field(default_factory=dict)
    arrived: float = 0.0  # when its newest part was published

    def add(self, value: float, count: float, at: float) -> None:
        """Add ``count`` samples of ``value``."""
        self.merge(count, value * count, value, value, {value: count}, at)

    def merge(self, count: float, total: float, low: float, high: float, raw: Mapping[float, float] | None, at: float) -> None:
        """Add samples that are known by their sums, and by their values where ``raw`` is given."""
        self.count += count
        self.total += total
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.arrived = max(self.arrived, at)
        if raw is None or self.raw is None:
            self.raw = None
        else:
            for value, times in raw.items():
                self.raw[value] = self.raw.get(value, 0.0) + times


@dataclass(slots=True)
class Series:
    """One metric: buckets by the second at which they begin."""

    minutes: dict[int, Bucket] = field(default_factory=dict)
    seconds: dict[int, Bucket] = field(default_factory=dict)
    unit: str = "None"
    newest: int = 0

    def within(self, start: int, period: int, seen_before: float) -> Bucket | None:
        """Return everything in [start, start + period) that was published by ``seen_before``; None when there is nothing."""
        parts = [
            bucket
            for moment in range(start - start % MINUTE, start + period, MINUTE)
            if moment >= start and (bucket := self.minutes.get(moment)) is not None and bucket.arrived <= seen_before
        ]
        if self.seconds:
            moments = range(start, start + period)
            parts += [bucket for m in moments if (bucket := self.seconds.get(m)) is not None and bucket.arrived <= seen_before]
        if len(parts) <= 1:
            return parts[0] if parts else None
        whole = Bucket()
        for part in parts:
            whole.merge(part.count, part.total, part.low, part.high, part.raw, part.arrived)
        return whole


class MetricStore:
    """All metrics. ``delay_s`` is how long a published point stays invisible (AWS: one to three minutes for most services)."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self._series: dict[Key, Series] = {}

    def put(
        self,
        key: Key,
        moment: int,
        values: Sequence[float],
        counts: Sequence[float],
        *,
        at: float,
        unit: str = "None",
        resolution: int = MINUTE,
    ) -> None:
        """Publish ``values``, each as often as ``counts`` says, for the time ``moment``; ``at`` is now."""
        bucket = self._bucket(key, moment, unit, resolution)
        for value, count in zip(values, counts, strict=True):
            bucket.add(float(value), float(count), at)

    def put_statistics(
        self, key: Key, moment: int, statistics: Mapping[str, float], *, at: float, unit: str, resolution: int
    ) -> None:
        """Publish a statistic set. Percentiles know its samples only when there is one, or all are equal."""
        count, low, high = statistics["SampleCount"], statistics["Minimum"], statistics["Maximum"]
        raw = {low: count} if count == 1 or low == high else None
        self._bucket(key, moment, unit, resolution).merge(count, statistics["Sum"], low, high, raw, at)

    def series(self, key: Key) -> Series | None:
        """Return one metric; None when nothing was ever published for exactly these dimensions."""
        return self._series.get(key)

    def __iter__(self) -> Iterator[tuple[Key, Series]]:
        """All metrics in a stable order."""
        return iter(sorted(self._series.items(), key=lambda item: (item[0][0], item[0][1], sorted(item[0][2]))))

    def points(self, key: Key, statistic: str, starts: Sequence[int], period: int, now: float) -> list[float | None]:
        """Return one value for each period that begins at ``starts``; None where nothing is visible."""
        series = self._series.get(key)
        if series is None:
            return [None] * len(starts)
        seen = now - self.delay_s
        return [value(bucket, statistic) if (bucket := series.within(s, period, seen)) is not None else None for s in starts]

    def samples(self, key: Key, start: int, period: int, now: float) -> float:
        """Return how many samples a period has."""
        series = self._series.get(key)
        bucket = series.within(start, period, now - self.delay_s) if series else None
        return bucket.count if bucket else 0.0

    def _bucket(self, key: Key, moment: int, unit: str, resolution: int) -> Bucket:
        series = self._series.setdefault(key, Series(unit=unit))
        series.newest = max(series.newest, moment)
        if resolution == 1:
            return series.seconds.setdefault(moment, Bucket())
        return series.minutes.setdefault(moment - moment % MINUTE, Bucket())


def key_of(namespace: str, name: str, dimensions: Sequence[Mapping[str, Any]] = ()) -> Key:
    """Return the identity of a metric: the order of its dimensions does not matter."""
    return namespace, name, frozenset((item["Name"], item["Value"]) for item in dimensions)


def value(bucket: Bucket, statistic: str) -> float | None:
    """Return one statistic of a bucket; None when it cannot be known (a percentile of a statistic set).

    NotImplementedError for trimmed and winsorized statistics: no alarm of the product uses them.
    """
    if statistic == "Average":
        return bucket.total / bucket.count if bucket.count else None
    if statistic == "Sum":
        return bucket.total
    if statistic == "Maximum":
        return bucket.high
    if statistic == "Minimum":
        return bucket.low
    if statistic == "SampleCount":
        return bucket.count
    share = percentile(statistic)
    if share is None:
        raise NotImplementedError(f"the embedded CloudWatch does not compute {statistic}")
    return _percentile(bucket.raw, bucket.count, share) if bucket.raw else None


def percentile(statistic: str) -> float | None:
    """Return 0.9 for ``p90``; None for a statistic that is no percentile."""
    match = re.fullmatch(r"p(\d{1,3}(?:\.\d+)?)", statistic)
    return float(match.group(1)) / 100 if match and float(match.group(1)) <= 100 else None


def _percentile(raw: Mapping[float, float], count: float, share: float) -> float:
    """Interpolate between the two nearest samples in order of size. AWS does not publish its own way."""
    place = max(share * (count - 1), 0.0)
    lower = _sample(raw, math.floor(place))
    return lower + (_sample(raw, math.ceil(place)) - lower) * (place - math.floor(place))


def _sample(raw: Mapping[float, float], index: int) -> float:
    """Return the sample at ``index`` in order of size, each value standing there as often as it was counted."""
    passed = 0.0
    for sample in sorted(raw):
        passed += raw[sample]
        if index < passed:
            return sample
    return max(raw)
