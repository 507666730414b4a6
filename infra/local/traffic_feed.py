"""Traffic of an API for stories: customers, a crowd of customers, a botnet, and what is both; seeded, the same in every run.

Each minute its requests meet the web ACL, then the tasks that are there. What comes of it is told as AWS tells it: the access
log, WAF's metrics and samples, API Gateway's counts and latency, the business figure.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from infra.local.aws import Embedded
from infra.local.metric_store import key_of
from infra.local.traffic_hits import Hit
from infra.local.waf_rules import Verdict

IP_REPUTATION = "awswaf:managed:aws:amazon-ip-list:AWSManagedIPDDoSList"
_AGENTS = tuple(f"Mozilla/5.0 (family {n})" for n in range(14))
_PATHS = ("/uploads", "/uploads", "/uploads", "/images/{id}", "/images/{id}", "/me", "/orders")
SURGE_AGENT = "python-requests/2.32"


@dataclass(frozen=True, slots=True)
class Names:
    """What AWS calls the API, its log, its ACL (and its metric), its service, and the business figure."""

    api: str = "image-api"
    stage: str = "prod"
    log_group: str = "/aws/apigateway/image-api"
    acl: str = ""
    acl_metric: str = "image-front"
    cluster: str = "image"
    service: str = "image-api"
    kpi: tuple[str, str] = ("Shop", "ImagesOrdered")


@dataclass(frozen=True, slots=True)
class Minute:
    """What became of one minute's requests. ``stopped`` are those that the ACL kept away, ``strangers`` those of no customer."""

    customers: int
    customers_served: int
    strangers: int
    stopped: int
    latency_ms: float


@dataclass
class TrafficFeed:
    """The API's minutes. ``usual`` customers' requests a minute; one task serves ``per_task`` of them at ease."""

    aws: Embedded
    names: Names = field(default_factory=Names)
    usual: int = 60
    per_task: int = 30
    seed: int = 7

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - made-up traffic, no secret; seeded on purpose
        self._customers = [f"203.{self._random.randrange(256)}.{self._random.randrange(256)}.{n % 250 + 1}" for n in range(2000)]
        self._bots = [f"198.{self._random.randrange(18, 200)}.{self._random.randrange(256)}.{n % 250 + 1}" for n in range(1500)]

    def past(self, days: int = 14, hours: float = 3) -> None:
        """Publish what was usual: on each of the days before, from an hour ago on for ``hours``, a point every five minutes."""
        start = self.aws.clock.now.replace(second=0, microsecond=0) - timedelta(hours=1)
        for day in range(1, days + 1):
            # Weekdays differ a little, as they do.
            requests = self.usual * (0.9 + 0.05 * (day % 5)) * 5
            for step in range(int(hours * 12)):
                at = start - timedelta(days=day) + timedelta(minutes=5 * step)
                self._put("AWS/ApiGateway", "Count", self._stage, requests, at)
                self._put("AWS/ApiGateway", "4XXError", self._stage, requests * 0.02, at)
                self._put(*self.names.kpi, {}, requests * 0.25, at)

    def customers(self, factor: float, *, browser: bool = True) -> Iterator[Hit]:
        """Return a minute's requests of customers, ``factor`` times the usual: many people, each a few requests.

        Without ``browser`` they use an app that cannot solve a challenge.
        """
        # The more there are, the more people they are.
        crowd = self._customers[: max(20, round(120 * factor))]
        for _ in range(round(self.usual * factor)):
            path = self._random.choice(_PATHS)
            status = self._random.choices((200, 404, 403), (97, 2, 1))[0]
            user = f"user-{self._random.randrange(500)}" if self._random.random() < 0.85 else ""
            yield Hit(
                self._moment(), self._random.choice(crowd), path, status, self._random.choice(_AGENTS), user, browser=browser
            )

    def botnet(self, requests: int, *, bots: int = 1500, labelled: float = 0.0) -> Iterator[Hit]:
        """Return a minute's requests of ``bots`` machines that know one path and one client, and are mostly turned away."""
        for _ in range(requests):
            labels = (IP_REPUTATION,) if self._random.random() < labelled else ()
            status = self._random.choices((403, 200), (7, 3))[0]
            ip = self._random.choice(self._bots[:bots])
            yield Hit(self._moment(), ip, "/uploads", status, SURGE_AGENT, labels=labels, browser=False, buys=False)

    def newcomers(self, requests: int) -> Iterator[Hit]:
        """Return a minute's requests of people or scripts, who can tell: half signed in, a few kinds of client, some denied."""
        for _ in range(requests):
            user = f"new-{self._random.randrange(900)}" if self._random.random() < 0.25 else ""
            status = self._random.choices((200, 403, 404), (78, 12, 10))[0]
            ip = self._random.choice(self._customers[500:1100])
            path, agent, buys = self._random.choice(_PATHS[:3]), self._random.choice(_AGENTS[:3]), self._random.random() < 0.2
            yield Hit(self._moment(), ip, path, status, agent, user, buys=buys)

    def play(self, hits: Iterable[Hit]) -> Minute:
        """Let a minute's requests happen, publish what AWS would, and let the minute pass."""
        judged = [(hit, self._judge(hit)) for hit in sorted(hits, key=lambda hit: hit.at)]
        through = [hit for hit, verdict in judged if verdict.action == "ALLOW"]
        load = len(through) / max(1, self._tasks() * self.per_task)
        latency = 150 / max(0.05, 1 - min(load, 0.97))
        failing = max(0.0, 1 - 1 / load) if load > 1 else 0.0
        lines, counts, served, bought = [], Counter[str](), 0, 0
        for hit, verdict in judged:
            status = _STATUS.get(verdict.action, 0) or (503 if self._random.random() < failing else hit.status)
            lines.append((hit.at, hit.log_line(status)))
            counts[f"{status // 100}xx"] += 1
            served += hit.browser and status == 200
            bought += hit.buys and status == 200
        self.aws.logs.preload(self.names.log_group, lines)
        self._publish(len(judged), counts, latency, bought)
        self._publish_waf([verdict for _, verdict in judged])
        self.aws.clock.advance(60)
        people = sum(hit.browser for hit, _ in judged)
        return Minute(people, served, len(judged) - people, len(judged) - len(through), latency)

    def _judge(self, hit: Hit) -> Verdict:
        return self.aws.waf.judge(self.names.acl, hit) if self.names.acl else Verdict("ALLOW", "")

    def _tasks(self) -> int:
        return self.aws.ecs.service(self.names.cluster, self.names.service).running

    def _publish(self, requests: int, counts: Counter[str], latency: float, bought: int) -> None:
        at = self.aws.clock.now
        for name, value in (("Count", requests), ("4XXError", counts["4xx"]), ("5XXError", counts["5xx"])):
            self._put("AWS/ApiGateway", name, self._stage, value, at)
        self._put("AWS/ApiGateway", "Latency", self._stage, latency, at, count=max(1, requests))
        self._put(*self.names.kpi, {}, bought * 0.25, at)

    def _publish_waf(self, verdicts: list[Verdict]) -> None:
        """Publish WAF's counts, by rule and for all; what is zero is not published."""
        if not self.names.acl:
            return
        counts: Counter[tuple[str, str]] = Counter()
        for verdict in verdicts:
            counts[_WAF_METRICS[verdict.action], "ALL"] += 1
            if verdict.rule:
                counts[_WAF_METRICS[verdict.action], verdict.rule] += 1
            counts.update(("CountedRequests", rule) for rule in verdict.counted)
        where = {"Region": self.aws.place.region, "WebACL": self.names.acl_metric}
        for (metric, rule), count in sorted(counts.items()):
            self._put("AWS/WAFV2", metric, {**where, "Rule": rule}, count, self.aws.clock.now)

    def _put(
        self, namespace: str, name: str, dimensions: dict[str, str], value: float, at: datetime, *, count: float = 1.0
    ) -> None:
        key = key_of(namespace, name, [{"Name": key, "Value": text} for key, text in dimensions.items()])
        self.aws.cloudwatch.metrics.put(key, int(at.timestamp()), [value], [count], at=at.timestamp())

    @property
    def _stage(self) -> dict[str, str]:
        return {"ApiName": self.names.api, "Stage": self.names.stage}

    def _moment(self) -> datetime:
        return self.aws.clock.now + timedelta(seconds=self._random.uniform(0, 59))


_STATUS = {"BLOCK": 403, "CHALLENGE": 202, "CAPTCHA": 405}
_WAF_METRICS = {
    "ALLOW": "AllowedRequests",
    "BLOCK": "BlockedRequests",
    "CHALLENGE": "ChallengeRequests",
    "CAPTCHA": "CaptchaRequests",
}
