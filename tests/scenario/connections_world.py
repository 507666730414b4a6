"""S11.1's world: the product's own catalogue on the embedded AWS, a real PostgreSQL without a free slot behind its Data API."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from database_crowd import PROTECTED, RESCUE, TOCSIN, Crowd
from databases import attach, secret_of
from postgres_server import SLOTS, SUPERUSER_SLOTS, Server
from rich.console import Console

from alarms.domain.command import CommandKind
from alarms.load import load
from infra.local import demo
from infra.local.aws import Embedded
from infra.local.play import Catalogue, Played, play
from infra.local.recorder import Recorder
from infra.local.scenario import Deliveries, Press
from remediators.registry import registry

CATALOGUE = Path(__file__).parents[2] / "alarms" / "catalog"
INSTANCE = "image-db-1"
ORDINARY = SLOTS - SUPERUSER_SLOTS
# The server's clock is a real one: what the catalogue calls unused for ten minutes is unused for one second here.
CHANGES = {
    "tocsin.yaml": {"image-db-1: {class: db.r6g.large}": f"image-db-1: {{max_connections: {SLOTS}, local_storage: 32 GiB}}"},
    "profiles/aurora.yaml": {"idle_for: 10 m": "idle_for: 1 s"},
    "services/image-processing.yaml": {"database: image\n": "database: postgres\n"},
}


@dataclass
class Connections:
    """What is played: the number of sessions is the server's own, published minute by minute."""

    server: Server
    people: Crowd
    clicks: tuple[Press, ...]
    refills: bool = False  # clients open again at once what is ended
    title: str = "Connections run out"
    about: str = ""
    timezone: str = "UTC"
    start: datetime = datetime(2026, 10, 31, 15, 0, tzinfo=UTC)
    lasts_s: int = 50 * 60
    seed: int = 7
    deliveries: Deliveries = field(default_factory=Deliveries)
    counted: dict[datetime, int] = field(default_factory=dict)

    def open(self, aws: Embedded, _: Recorder) -> None:
        """Take all slots, attach the server, publish its count each minute."""
        for name, suffix, user in (("image/tocsin", "AbCdEf", TOCSIN), ("image/tocsin-admin", "GhIjKl", RESCUE)):
            secret_of(aws, self.server, user, name, suffix)
        attach(aws, self.server)
        self.people.idle("flyway", user=PROTECTED)
        self.people.idle("image-consumer", count=5)
        aws.clock.at(self.start + timedelta(minutes=2), self._leak, label="leak")
        aws.clock.every(60, lambda: self._publish(aws), label="connections")

    def _leak(self) -> None:
        """Let the API open all sessions that there are, and use none of them."""
        self.people.idle("image-api", count=ORDINARY - 6)
        self.people.idle("psql", user="postgres")
        time.sleep(1.1)

    def _publish(self, aws: Embedded) -> None:
        """Publish how many sessions there are, as RDS does each minute."""
        leaking = aws.clock.now > self.start + timedelta(minutes=3)
        missing = ORDINARY - len(self.people.alive())
        if self.refills and leaking and missing > 0:
            self.people.idle("image-api", count=missing)
            self.people.idle("psql", user="postgres")  # administrators have slots of their own
        self.counted[aws.clock.now] = len(self.people.alive())
        point = {
            "MetricName": "DatabaseConnections",
            "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": INSTANCE}],
            "Timestamp": aws.clock.now.replace(second=0),
            "Value": self.counted[aws.clock.now],
        }
        with aws.seam.internal():
            aws.client("cloudwatch").put_metric_data(Namespace="AWS/RDS", MetricData=[point])

    def by_application(self) -> dict[str, int]:
        """Return how many sessions each application has now."""
        sql = """select application_name, count(*) from pg_stat_activity
                 where backend_type = 'client backend' and pid <> pg_backend_pid() group by 1"""
        return dict(self.server.run(sql))


def approvals(*, minute: float) -> tuple[Press, ...]:
    """Return the two clicks of two people who may."""
    on = "connections"
    return (
        Press(minute * 60, CommandKind.APPROVE, "approver", on),
        Press(minute * 60 + 20, CommandKind.APPROVE, "second", on),
    )


def played(source: Any, folder: Path) -> Played:
    """Play ``source`` with the product's catalogue."""
    copy = folder / "catalog"
    shutil.copytree(CATALOGUE, copy)
    for name, replaced in CHANGES.items():
        text = (copy / name).read_text("utf-8")
        for old, new in replaced.items():
            assert old in text, f"{name} has no {old!r} any more"
            text = text.replace(old, new)
        (copy / name).write_text(text, "utf-8")
    loaded = load(copy, stage="demo", actions=registry())
    assert not loaded.errors, [str(error) for error in loaded.errors]
    with ExitStack() as stack:
        nowhere = stack.enter_context(Path("/dev/null").open("w"))
        screen = demo.screen(Console(file=nowhere), source, loaded.desired, 0)
        return play(source, Catalogue(loaded.desired, loaded.settings), screen)
