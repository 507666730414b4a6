"""What a stage's file says of the platform: one dataclass for each part, each with defaults that a reader may argue with.

A part is added by a dataclass with a ``read``, a field of Platform and a line in ``parse``. Everything is read strictly: an
unknown key or a wrong unit is one line that says where it stands and what would be right.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import TypeVar

from infra.aws.platform.month_end import MonthEnd
from infra.aws.platform.release_settings import Release
from infra.aws.platform.service_settings import Services
from infra.aws.workload.settings import ORIGIN
from infra.written import Node

CERTIFICATE = re.compile(r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]+")
DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
MOST_ACU = 256
CONNECTIONS_BELOW_1_ACU = 2000  # Aurora user guide, capacity for Aurora Serverless v2

T = TypeVar("T")


class Nat(StrEnum):
    """How private subnets reach what has no endpoint: no way at all, one gateway for all zones, or one in each."""

    NONE = "none"
    ONE = "one"
    PER_ZONE = "per zone"


@dataclass(frozen=True, slots=True)
class Network:
    """The VPC. ``zones`` are the letters of three zones of the region; ``cidr`` is a /16 to /20."""

    cidr: str = "10.40.0.0/16"
    zones: tuple[str, ...] = ("a", "b", "c")
    nat: Nat = Nat.PER_ZONE
    keep_flow_logs: int = 30

    @staticmethod
    def read(node: Node) -> Network:
        """Read the section ``network``."""
        said, usual = node.fields("cidr", "zones", "nat", "keep_flow_logs"), Network()
        return Network(
            cidr=_cidr(said["cidr"]) if "cidr" in said else usual.cidr,
            zones=_zones(said["zones"]) if "zones" in said else usual.zones,
            nat=_choice(said["nat"], Nat) if "nat" in said else usual.nat,
            keep_flow_logs=said["keep_flow_logs"].count(1, 3650) if "keep_flow_logs" in said else usual.keep_flow_logs,
        )


@dataclass(frozen=True, slots=True)
class Uploads:
    """The upload bucket: ``prefix`` is where clients may put, ``origins`` whose pages may do so from a browser.

    ``keep_days`` is how long an original stays; None keeps it for good.
    """

    prefix: str = "uploads/"
    thumbnails: str = "thumbnails/"
    origins: tuple[str, ...] = ()
    keep_days: int | None = None

    @staticmethod
    def read(node: Node) -> Uploads:
        """Read the section ``uploads``."""
        said, usual = node.fields("prefix", "thumbnails", "origins", "keep_days"), Uploads()
        return Uploads(
            prefix=_prefix(said["prefix"]) if "prefix" in said else usual.prefix,
            thumbnails=_prefix(said["thumbnails"]) if "thumbnails" in said else usual.thumbnails,
            origins=tuple(_matching(item, ORIGIN, "https://shop.example.com") for item in said["origins"].items())
            if "origins" in said
            else usual.origins,
            keep_days=said["keep_days"].count(1, 3650) if "keep_days" in said else usual.keep_days,
        )


@dataclass(frozen=True, slots=True)
class Queue:
    """The queue of images. A received message is hidden for ``hidden_s`` seconds, which the consumer renews while it works.

    ``attempts`` is how often a message is received until it is a dead letter.
    """

    hidden_s: int = 60
    attempts: int = 5

    @staticmethod
    def read(node: Node) -> Queue:
        """Read the section ``queue``."""
        said, usual = node.fields("hidden", "attempts"), Queue()
        return Queue(
            hidden_s=_whole_seconds(said["hidden"], 30, 43_200) if "hidden" in said else usual.hidden_s,
            attempts=said["attempts"].count(3, 20) if "attempts" in said else usual.attempts,
        )


@dataclass(frozen=True, slots=True)
class Database:
    """Aurora PostgreSQL Serverless v2: the range of its capacity units (2 GiB of memory each), and its backups' days.

    ``connections`` is max_connections, fixed, so that alarms and ceilings of the catalogue can name the same number. Below a
    minimum of 1 ACU Aurora allows 2,000 at most.
    """

    min_acu: float = 0.5
    max_acu: float = 16.0
    connections: int = 1722
    backup_days: int = 14
    name: str = "image"

    @staticmethod
    def read(node: Node) -> Database:
        """Read the section ``database``."""
        said, usual = node.fields("min_acu", "max_acu", "connections", "backup_days"), Database()
        least = _acu(said["min_acu"]) if "min_acu" in said else usual.min_acu
        most = _acu(said["max_acu"]) if "max_acu" in said else usual.max_acu
        if most < 1 or most < least:
            raise said.get("max_acu", node).fail(f"max_acu of at least 1 and not below min_acu ({least:g})")
        allowed = 5000 if least >= 1 else CONNECTIONS_BELOW_1_ACU
        connections = said["connections"].count(50, allowed) if "connections" in said else min(usual.connections, allowed)
        days = said["backup_days"].count(1, 35) if "backup_days" in said else usual.backup_days
        return Database(least, most, connections, days)


@dataclass(frozen=True, slots=True)
class Balancer:
    """What the load balancer answers with: TLS for ``domain`` by an ACM ``certificate``, or plain HTTP inside the VPC."""

    certificate: str | None = None
    domain: str | None = None

    @staticmethod
    def read(node: Node) -> Balancer:
        """Read the section ``balancer``: both members or neither."""
        said = node.fields("certificate", "domain")
        for name in ("certificate", "domain"):
            if said and name not in said:
                raise node.lacks(name)
        if not said:
            return Balancer()
        arn = "arn:aws:acm:ap-northeast-2:123456789012:certificate/0a1b2c3d-…"
        return Balancer(_matching(said["certificate"], CERTIFICATE, arn), _matching(said["domain"], DOMAIN, "api.example.com"))

    @property
    def port(self) -> int:
        """Where production traffic comes in."""
        return 443 if self.certificate else 80

    @property
    def test_port(self) -> int:
        """Where test traffic comes in: what a deployment's green tasks are asked on before anybody else sees them."""
        return 8443 if self.certificate else 8080


@dataclass(frozen=True, slots=True)
class Edge:
    """How much may come in: requests a second of all callers together, and requests in five minutes of one address.

    Ordering uploads may take half of ``rate`` and ``burst``. ``per_address`` is what the rate rule counts above, and blocks above
    once it is turned.
    """

    rate: int = 300
    burst: int = 600
    per_address: int = 1000

    @staticmethod
    def read(node: Node) -> Edge:
        """Read the section ``edge``."""
        said, usual = node.fields("rate", "burst", "per_address"), Edge()
        return Edge(
            rate=said["rate"].count(2, 10_000) if "rate" in said else usual.rate,
            burst=said["burst"].count(2, 5_000) if "burst" in said else usual.burst,
            per_address=said["per_address"].count(10, 2_000_000) if "per_address" in said else usual.per_address,
        )


@dataclass(frozen=True, slots=True)
class Platform:
    """The whole section ``platform``."""

    network: Network = field(default_factory=Network)
    uploads: Uploads = field(default_factory=Uploads)
    queue: Queue = field(default_factory=Queue)
    database: Database = field(default_factory=Database)
    balancer: Balancer = field(default_factory=Balancer)
    edge: Edge = field(default_factory=Edge)
    services: Services = field(default_factory=Services)
    month_end: MonthEnd = field(default_factory=MonthEnd)
    release: Release = field(default_factory=Release)


def parse(section: Node | None) -> Platform:
    """Read the section ``platform`` of a stage's file; what is left out has its default. BadInput with the place."""
    said = section.fields(*(each.name for each in fields(Platform))) if section else {}

    def part(name: str, read: Callable[[Node], T], usual: T) -> T:
        return read(said[name]) if name in said else usual

    usual = Platform()
    return Platform(
        network=part("network", Network.read, usual.network),
        uploads=part("uploads", Uploads.read, usual.uploads),
        queue=part("queue", Queue.read, usual.queue),
        database=part("database", Database.read, usual.database),
        balancer=part("balancer", Balancer.read, usual.balancer),
        edge=part("edge", Edge.read, usual.edge),
        services=part("services", Services.read, usual.services),
        month_end=part("month_end", MonthEnd.read, usual.month_end),
        release=part("release", Release.read, usual.release),
    )


def _choice(node: Node, kind: type[Nat]) -> Nat:
    if node.value not in list(kind):
        raise node.fail("one of " + ", ".join(kind))
    return kind(node.value)


def _cidr(node: Node) -> str:
    try:
        network = ipaddress.IPv4Network(node.text())
    except ValueError:
        raise node.fail("a network like 10.40.0.0/16") from None
    if not network.is_private or not 16 <= network.prefixlen <= 20:
        raise node.fail("a private network of /16 to /20, like 10.40.0.0/16")
    return str(network)


def _zones(node: Node) -> tuple[str, ...]:
    letters = tuple(item.text() for item in node.items())
    if len(set(letters)) != 3 or not all(re.fullmatch("[a-f]", letter) for letter in letters):
        raise node.fail("three different letters of zones, like [a, b, c]")
    return letters


def _prefix(node: Node) -> str:
    if not re.fullmatch(r"[a-z0-9-]+/", node.text()):
        raise node.fail("one folder like uploads/")
    return node.text()


def _matching(node: Node, pattern: re.Pattern[str], example: str) -> str:
    if not pattern.fullmatch(node.text()):
        raise node.fail(f"written like {example}")
    return node.text()


def _whole_seconds(node: Node, least: int, most: int) -> int:
    seconds = node.seconds()
    if seconds != int(seconds) or not least <= seconds <= most:
        raise node.fail(f"whole seconds from {least} s to {most} s")
    return int(seconds)


def _acu(node: Node) -> float:
    units = node.number()
    if units * 2 != int(units * 2) or units > MOST_ACU:
        raise node.fail(f"capacity units in halves, at most {MOST_ACU}")
    return units
