"""A model of the image platform that answers to what remediation changes.

Uploads become API requests (tasks of ``image-api`` saturate, slow down and then fail), every upload becomes a message, the
tasks of ``image-consumer`` work the queue off in arrival order, and every task holds database connections. The model is
fluid and deterministic: the same scenario and the same capacity give the same minute. It knows nothing of AWS; what a minute
looks like in CloudWatch is ``infra.local.metrics_feed``.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from infra.local.backlog import Backlog

MINUTE = 60.0
# An M/M/1-like queue would have no bound at full load; real services shed load there, so the slow-down stops growing.
FULLEST = 0.97


@dataclass(frozen=True, slots=True)
class Traits:
    """What the platform is made of. ``requests_per_task`` is one task's load per minute at 100 % CPU.

    ``pool`` are database connections that one task holds open. ``idle_cpu`` is in percent, ``latency_ms`` the
    median of an idle API, ``volume_bytes`` what the Aurora volume holds when the scenario begins.
    """

    requests_per_upload: float = 3.0
    requests_per_task: float = 250.0
    images_per_task: float = 60.0
    api_pool: int = 10
    consumer_pool: int = 8
    idle_cpu: float = 4.0
    latency_ms: float = 120.0
    gateway_ms: float = 25.0
    bytes_per_image: float = 6_000.0
    volume_bytes: float = 412e9
    local_storage_bytes: float = 32 * 2**30
    instances: int = 2


@dataclass(frozen=True, slots=True)
class Capacity:
    """Tasks of the two services, as ECS tells them."""

    api_running: int
    api_desired: int
    consumers_running: int
    consumers_desired: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong by itself in one minute: shares are 0..1, ``slow_database`` multiplies the median latency."""

    errors: float = 0.0
    load_balancer_errors: float = 0.0
    client_errors: float = 0.0
    slow_database: float = 1.0
    consumers_stopped: bool = False


@dataclass(frozen=True, slots=True)
class Minute:
    """Everything measured about one minute. Counts are per minute, shares 0..1, ages in seconds, latencies medians in ms."""

    index: int
    uploads: float
    requests: float
    capacity: Capacity
    api_cpu: float
    api_memory: float
    latency_ms: float
    gateway_ms: float
    target_errors: float
    load_balancer_errors: float
    client_errors: float
    sent: float
    deleted: float
    waiting: float
    in_flight: float
    oldest_age: float
    consumer_cpu: float
    consumer_memory: float
    connections: float
    database_cpu: float
    volume_bytes: float
    local_storage_bytes: float


@dataclass
class Platform:
    """The state between minutes: the backlog and the database volume."""

    traits: Traits = field(default_factory=Traits)
    noise: float = 0.02
    seed: int = 0
    backlog: Backlog = field(default_factory=Backlog)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - noise on a metric, no secret; seeded on purpose
        self._volume = self.traits.volume_bytes
        self._index = 0

    def minute(self, uploads: float, capacity: Capacity, trouble: Trouble) -> Minute:
        """Play the next minute with ``uploads`` arriving and ``capacity`` serving; return what was measured."""
        traits, index = self.traits, self._index
        arrived = self._about(uploads)
        requests = arrived * traits.requests_per_upload
        load = requests / max(capacity.api_running * traits.requests_per_task, 1e-9)
        served, able = self._work_off(arrived, capacity, trouble)
        self._volume += served * traits.bytes_per_image
        self._index += 1
        now = (index + 1) * MINUTE
        busy = served / able if able else 0.0
        return Minute(
            index=index,
            uploads=arrived,
            requests=requests,
            capacity=capacity,
            api_cpu=self._percent(traits.idle_cpu + load * (100 - traits.idle_cpu)),
            api_memory=self._percent(34 + 22 * min(load, 1.2)),
            latency_ms=self._about(self._latency(load) * trouble.slow_database),
            gateway_ms=traits.gateway_ms,
            target_errors=_share(trouble.errors + max(0.0, load - 1.05)),
            load_balancer_errors=_share(trouble.load_balancer_errors),
            client_errors=_share(0.004 + trouble.client_errors),
            sent=arrived,
            deleted=served,
            waiting=self.backlog.waiting,
            in_flight=min(served / 10, capacity.consumers_running * 10.0),
            oldest_age=self.backlog.oldest_age(now),
            consumer_cpu=self._percent(traits.idle_cpu + busy * 64),
            consumer_memory=self._percent(38 + busy * 17),
            connections=self._connections(capacity, load),
            database_cpu=self._percent(8 + served * 0.035 + requests * 0.008),
            volume_bytes=self._volume,
            local_storage_bytes=traits.local_storage_bytes * (0.71 - 0.05 * busy),
        )

    def _work_off(self, arrived: float, capacity: Capacity, trouble: Trouble) -> tuple[float, float]:
        """Queue what arrived and let the consumers work; (served, able to serve)."""
        since = self._index * MINUTE
        self.backlog.add(arrived, since, since + MINUTE)
        able = 0.0 if trouble.consumers_stopped else self._about(capacity.consumers_running * self.traits.images_per_task)
        return self.backlog.take(able), able

    def _latency(self, load: float) -> float:
        return self.traits.latency_ms / (1 - min(load, FULLEST))

    def _connections(self, capacity: Capacity, load: float) -> float:
        """Pools grow with load on the API; a consumer holds its whole pool as long as it runs."""
        api = capacity.api_running * self.traits.api_pool * (0.3 + 0.7 * min(load, 1.0))
        return self._about(api + capacity.consumers_running * self.traits.consumer_pool)

    def _about(self, value: float) -> float:
        return value * max(0.0, self._random.gauss(1.0, self.noise)) if self.noise else value

    def _percent(self, value: float) -> float:
        """CPU and memory of a Fargate task are capped at its own size."""
        return min(100.0, self._about(value))


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))
