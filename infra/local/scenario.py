"""Reads a scenario file: what traffic comes, what goes wrong, when. Strict: an unknown key or a wrong unit is one clear line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from alarms import yaml_door
from alarms.domain.command import CommandKind
from alarms.domain.errors import BadInput
from infra.local.platform import Traits, Trouble
from infra.local.slack_people import BY_NAME
from infra.written import Node

MONTH_END = Path(__file__).parent / "scenarios" / "month-end.yaml"
TRACKED = ("cpu", "memory")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Point:
    """Traffic at one moment: seconds since the start, uploads per minute."""

    at: float
    uploads: float


@dataclass(frozen=True, slots=True)
class Spell:
    """Something that goes wrong from ``at`` for ``lasts`` seconds."""

    at: float
    lasts: float
    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Deliveries:
    """How often each record reaches its handler, and how late (seconds) every other extra copy comes."""

    copies: int = 2
    late: float = 45.0


@dataclass(frozen=True, slots=True)
class Press:
    """Somebody presses a button ``at`` seconds after the start, on the newest message that offers it and mentions ``on``."""

    at: float
    button: CommandKind
    by: str
    on: str = ""


@dataclass(frozen=True, slots=True)
class Fleet:
    """One service: tasks when the scenario begins (also the floor of its scalable target), the maximum, target tracking.

    ``track`` is (``cpu`` or ``memory``, target in percent); None means no scaling policy at all.
    """

    tasks: int
    max_tasks: int
    track: tuple[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole scenario. ``start`` is aware, ``lasts`` in seconds and whole minutes, ``noise`` a share."""

    name: str
    title: str
    start: datetime
    lasts: int
    timezone: str
    seed: int
    noise: float
    api: Fleet
    consumers: Fleet
    traits: Traits
    traffic: tuple[Point, ...]
    troubles: tuple[Spell, ...] = ()
    deliveries: Deliveries = field(default_factory=Deliveries)
    clicks: tuple[Press, ...] = ()

    @property
    def minutes(self) -> int:
        """How many minutes it lasts."""
        return self.lasts // 60

    def uploads(self, second: float) -> float:
        """Return uploads per minute at ``second``: straight between the points, level before the first and after the last."""
        before = [point for point in self.traffic if point.at <= second]
        after = [point for point in self.traffic if point.at > second]
        if not before or not after:
            return (before or after)[-1 if before else 0].uploads
        left, right = before[-1], after[0]
        return left.uploads + (right.uploads - left.uploads) * (second - left.at) / (right.at - left.at)

    def trouble(self, second: float) -> Trouble:
        """Return what goes wrong in the minute that begins at ``second``: the last spell that covers it wins."""
        covering = [spell.trouble for spell in self.troubles if spell.at <= second < spell.at + spell.lasts]
        return covering[-1] if covering else Trouble()


def read(path: Path) -> Scenario:
    """Read the scenario at ``path``; BadInput with one line when it is not one."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"{path}: no such scenario file; the one that ships is played without --scenario") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from None
    return parse(content, str(path))


def parse(content: bytes, file: str) -> Scenario:
    """Read a scenario from the bytes of a file; ``file`` is how errors call it."""
    document = yaml_door.read(content, file)
    if document.problems:
        raise BadInput(str(document.problems[0]))
    return _scenario(Node(document.value, document.spot))


def _scenario(node: Node) -> Scenario:
    names = ("scenario", "title", "start", "lasts", "timezone", "seed", "noise", "platform", "traffic", "troubles", "deliveries")
    found = node.fields(*names, "clicks")
    for name in ("scenario", "start", "lasts", "traffic"):
        if name not in found:
            raise node.lacks(name)
    api, consumers, traits = _platform(found["platform"] if "platform" in found else Node({}, node.spot, "platform"))
    return Scenario(
        name=found["scenario"].text(),
        title=_read(found, "title", Node.text, found["scenario"].text()),
        start=found["start"].moment(),
        lasts=_lasts(found["lasts"]),
        timezone=_read(found, "timezone", Node.zone, "UTC"),
        seed=_read(found, "seed", lambda n: n.count(0, 2**32), 0),
        noise=_read(found, "noise", Node.share, 0.02),
        api=api,
        consumers=consumers,
        traits=traits,
        traffic=_traffic(found["traffic"]),
        troubles=tuple(_spell(item) for item in found["troubles"].items()) if "troubles" in found else (),
        deliveries=_deliveries(found["deliveries"]) if "deliveries" in found else Deliveries(),
        clicks=tuple(_press(item) for item in found["clicks"].items()) if "clicks" in found else (),
    )


def _read(found: Mapping[str, Node], name: str, how: Callable[[Node], T], default: T) -> T:
    return how(found[name]) if name in found else default


def _lasts(node: Node) -> int:
    seconds = node.seconds()
    if seconds % 60 or seconds < 60:
        raise node.fail("whole minutes, from 1 m to 2 d")
    return int(seconds)


def _platform(node: Node) -> tuple[Fleet, Fleet, Traits]:
    found = node.fields("api", "consumers", "database")
    plain = Traits()
    api, api_rate = _fleet(found.get("api"), "requests_per_task", Fleet(4, 20), plain.requests_per_task)
    consumers, rate = _fleet(found.get("consumers"), "images_per_task", Fleet(2, 40), plain.images_per_task)
    pools = found["database"].fields("api_pool", "consumer_pool") if "database" in found else {}
    traits = Traits(
        requests_per_task=api_rate,
        images_per_task=rate,
        api_pool=_read(pools, "api_pool", Node.count, plain.api_pool),
        consumer_pool=_read(pools, "consumer_pool", Node.count, plain.consumer_pool),
    )
    return api, consumers, traits


def _fleet(node: Node | None, rate: str, default: Fleet, default_rate: float) -> tuple[Fleet, float]:
    found = node.fields("tasks", "max_tasks", "track", rate) if node else {}
    tasks = _read(found, "tasks", Node.count, default.tasks)
    most = _read(found, "max_tasks", Node.count, max(default.max_tasks, tasks))
    if most < tasks:
        raise found["max_tasks"].fail(f"at least tasks, which is {tasks}")
    per_task = _read(found, rate, Node.number, default_rate)
    if per_task <= 0:
        raise found[rate].fail("a number above 0")
    return Fleet(tasks, most, _read(found, "track", _track, None)), per_task


def _track(node: Node) -> tuple[str, float] | None:
    """Read ``{cpu: 75 %}`` or ``{memory: 70 %}``."""
    found = node.fields(*TRACKED)
    if len(found) != 1:
        raise node.fail("one of {cpu: 75 %} and {memory: 70 %}")
    name, share = next(iter(found.items()))
    return name, share.share() * 100


def _traffic(node: Node) -> tuple[Point, ...]:
    points: list[Point] = []
    for item in node.items():
        found = _all_of(item, "at", "uploads")
        point = Point(found["at"].seconds(), found["uploads"].number())
        if points and point.at <= points[-1].at:
            raise found["at"].fail("later than the point before it")
        points.append(point)
    if not points:
        raise node.fail("at least one point {at: 0 m, uploads: 80}")
    return tuple(points)


def _spell(node: Node) -> Spell:
    found = _all_of(
        node, "at", "lasts", optional=("errors", "load_balancer_errors", "client_errors", "slow_database", "consumers_stopped")
    )
    stopped = found.get("consumers_stopped")
    if stopped is not None and not isinstance(stopped.value, bool):
        raise stopped.fail("true or false")
    trouble = Trouble(
        errors=_read(found, "errors", Node.share, 0.0),
        load_balancer_errors=_read(found, "load_balancer_errors", Node.share, 0.0),
        client_errors=_read(found, "client_errors", Node.share, 0.0),
        slow_database=_read(found, "slow_database", Node.number, 1.0),
        consumers_stopped=bool(stopped.value) if stopped else False,
    )
    return Spell(found["at"].seconds(), found["lasts"].seconds(), trouble)


def _deliveries(node: Node) -> Deliveries:
    found = node.fields("copies", "late")
    return Deliveries(_read(found, "copies", lambda n: n.count(1, 5), 2), _read(found, "late", Node.seconds, 45.0))


def _press(node: Node) -> Press:
    found = _all_of(node, "at", "press", "by", optional=("message",))
    button, by = found["press"].text(), found["by"].text()
    if button not in tuple(CommandKind):
        raise found["press"].fail(f"one of {', '.join(CommandKind)}")
    if by not in BY_NAME:
        raise found["by"].fail(f"one of {', '.join(BY_NAME)}")
    return Press(found["at"].seconds(), CommandKind(button), by, _read(found, "message", Node.text, ""))


def _all_of(node: Node, *names: str, optional: tuple[str, ...] = ()) -> dict[str, Node]:
    found = node.fields(*names, *optional)
    for name in names:
        if name not in found:
            raise node.lacks(name)
    return found
