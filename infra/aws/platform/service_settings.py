"""What a stage's file says of the two services: their size, how many tasks, and what the number of tasks follows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.written import Node

API, CONSUMER = "image-api", "image-consumer"
# [ECS developer guide, Fargate task definition: task CPU and memory]; in CPU units and MiB
SIZES: Mapping[int, range] = {
    256: range(512, 2049, 512),
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
}


@dataclass(frozen=True, slots=True)
class Size:
    """CPU units (1024 are one vCPU) and MiB of one task."""

    cpu: int
    memory: int


@dataclass(frozen=True, slots=True)
class Api:
    """The API. ``least`` tasks always run; ``most`` is None for what the catalogue's remediation may reach.

    ``cpu_target`` is in percent; ``connections`` to the database are one task's.
    """

    size: Size = field(default_factory=lambda: Size(512, 1024))
    least: int = 3  # one in each zone
    most: int | None = None
    cpu_target: int = 55
    connections: int = 10

    @staticmethod
    def read(node: Node) -> Api:
        """Read the section ``services.image-api``."""
        said, usual = node.fields("cpu", "memory", "min", "max", "cpu_target", "connections"), Api()
        least = said["min"].count() if "min" in said else usual.least
        if least < 2:
            raise said["min"].fail("at least 2: with one task the failure of one is an outage")
        return Api(
            size=_size(node, said, usual.size),
            least=least,
            most=said["max"].count(least) if "max" in said else usual.most,
            cpu_target=said["cpu_target"].count(20, 90) if "cpu_target" in said else usual.cpu_target,
            connections=said["connections"].count(1, 100) if "connections" in said else usual.connections,
        )


@dataclass(frozen=True, slots=True)
class Consumer:
    """The image consumer. ``wait_s`` is how long an image may wait in the queue when all goes well; ``image_s`` what one costs.

    ``image_s`` is a task's seconds for an image at its usual concurrency: 1 s is sixty images a minute. ``spot`` is the
    share of tasks above ``least`` on Fargate Spot, in quarters: 3 is three of four.
    """

    size: Size = field(default_factory=lambda: Size(1024, 4096))
    least: int = 1
    most: int | None = None
    wait_s: float = 120.0
    image_s: float = 1.0
    connections: int = 8
    spot: int = 3

    @staticmethod
    def read(node: Node) -> Consumer:
        """Read the section ``services.image-consumer``."""
        said, usual = node.fields("cpu", "memory", "min", "max", "wait", "per_image", "connections", "spot"), Consumer()
        least = said["min"].count() if "min" in said else usual.least
        found = Consumer(
            size=_size(node, said, usual.size),
            least=least,
            most=said["max"].count(least) if "max" in said else usual.most,
            wait_s=said["wait"].seconds() if "wait" in said else usual.wait_s,
            image_s=said["per_image"].seconds() if "per_image" in said else usual.image_s,
            connections=said["connections"].count(1, 100) if "connections" in said else usual.connections,
            spot=_quarters(said["spot"]) if "spot" in said else usual.spot,
        )
        if not 0 < found.image_s <= found.wait_s:
            raise said.get("per_image", said.get("wait", node)).fail("a time for one image above 0 and within `wait`")
        return found

    @property
    def backlog_per_task(self) -> int:
        """How many messages may wait for each running task: as many as it works off within ``wait_s``."""
        return max(1, math.floor(self.wait_s / self.image_s))


@dataclass(frozen=True, slots=True)
class Services:
    """The section ``services``."""

    api: Api = field(default_factory=Api)
    consumer: Consumer = field(default_factory=Consumer)

    @staticmethod
    def read(node: Node) -> Services:
        """Read the section ``services``."""
        said, usual = node.fields(API, CONSUMER), Services()
        return Services(
            Api.read(said[API]) if API in said else usual.api,
            Consumer.read(said[CONSUMER]) if CONSUMER in said else usual.consumer,
        )


def _size(node: Node, said: Mapping[str, Node], usual: Size) -> Size:
    cpu = said["cpu"].count(256, 4096) if "cpu" in said else usual.cpu
    memory = said["memory"].count(512, 30720) if "memory" in said else usual.memory
    if cpu not in SIZES:
        raise said["cpu"].fail("CPU units out of " + ", ".join(map(str, SIZES)))
    if memory not in SIZES[cpu]:
        fits = SIZES[cpu]
        raise said.get("memory", node).fail(f"MiB from {fits[0]} to {fits[-1]} in steps of {fits.step} for {cpu} CPU units")
    return Size(cpu, memory)


def _quarters(node: Node) -> int:
    quarters = node.share() * 4
    if quarters != int(quarters):
        raise node.fail("0 %, 25 %, 50 %, 75 % or 100 %")
    return int(quarters)
