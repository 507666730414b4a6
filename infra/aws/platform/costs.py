"""What the platform costs a month, by arithmetic that can be followed: ``python -m infra.aws.platform.costs --stage prod``.

Two months are told apart: one with hardly any traffic, which is the price of being there, and one with a month's end. Prices
stand in prices.yaml. What is below a dollar in both is left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from alarms import yaml_door
from alarms.domain.errors import BadInput, CannotRun, TocsinError
from infra.aws import stage_file
from infra.aws.platform import settings
from infra.aws.platform.settings import Nat, Platform
from infra.written import Node

PRICES = Path(__file__).with_name("prices.yaml")
HOURS = 730
SECRETS, RULES, ENDPOINTS = 6, 5, 9  # of the database's roles and its master; of the web ACL; of network.SERVICES
METRICS = 38  # Container Insights of a cluster with two services, and detailed ones of two methods
CALLS = 3  # of the API for each upload: order, look, look again
PUTS = 4  # the original and three thumbnails
MESSAGES = 3  # send, receive, delete
LINE_GB = 4e-6  # of logs for each upload, all of them together: 4 kB

Prices = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Use:
    """A month: uploads of ``image_gb`` each, and ``surge_h`` hours with so many tasks and ACUs above the least.

    ``acu`` is what each of the two instances has above its minimum then; a reader of tier 1 follows the writer.
    """

    uploads: float
    image_gb: float = 0.003
    surge_h: float = 0.0
    api_tasks: float = 0.0
    consumer_tasks: float = 0.0
    acu: float = 0.0


QUIET = Use(uploads=10_000)
MONTH_END = Use(uploads=1_000_000, surge_h=72, api_tasks=7, consumer_tasks=15, acu=5.5)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill: what, the arithmetic in words, dollars a month."""

    what: str
    how: str
    dollars: float


def bill(platform: Platform, prices: Prices, use: Use) -> list[Line]:
    """Return the lines of a month's bill. Pure."""
    return [
        *_compute(platform, prices, use),
        *_network(platform, prices, use),
        *_data(platform, prices, use),
        *_edge(prices, use),
    ]


def _compute(platform: Platform, prices: Prices, use: Use) -> Iterator[Line]:
    for name, service, extra, spot in (
        ("API's tasks", platform.services.api, use.api_tasks, 0.0),
        ("consumers", platform.services.consumer, use.consumer_tasks, platform.services.consumer.spot / 4),
    ):
        vcpu, gb = service.size.cpu / 1024, service.size.memory / 1024
        hour = vcpu * prices["fargate_vcpu_hour"] + gb * prices["fargate_gb_hour"]
        # The share of Spot is of what runs above the least.
        share = 1 - spot + spot * prices["fargate_spot_share"]
        hours = service.least * HOURS + extra * use.surge_h * share
        more = f" + {extra:g} x {use.surge_h:g} h{f' x {share:.2f}' if share < 1 else ''}" if extra else ""
        yield Line(name, f"({service.least} x {HOURS} h{more}) x ${hour:.4f} ({vcpu:g} vCPU, {gb:g} GB)", hours * hour)
    units = 1 if use.surge_h else 0
    how = f"{HOURS} h x ${prices['balancer_hour']:g}" + (
        f" + {HOURS} h x 1 LCU x ${prices['capacity_unit_hour']:g}" if units else ""
    )
    yield Line("load balancer", how, HOURS * (prices["balancer_hour"] + units * prices["capacity_unit_hour"]))


def _network(platform: Platform, prices: Prices, use: Use) -> Iterator[Line]:
    zones = len(platform.network.zones)
    gb = use.uploads * LINE_GB + 5  # logs, messages, secrets, and a few deployments
    if platform.network.nat is Nat.NONE:
        hour = ENDPOINTS * zones * prices["endpoint_hour"]
        how = f"{ENDPOINTS} x {zones} zones x {HOURS} h x ${prices['endpoint_hour']:g} + {gb:.0f} GB x ${prices['endpoint_gb']:g}"
        yield Line("interface endpoints", how, hour * HOURS + gb * prices["endpoint_gb"])
        return
    gateways = 1 if platform.network.nat is Nat.ONE else zones
    hour = prices["nat_hour"] + prices["address_hour"]
    each = f"(${prices['nat_hour']:g} + ${prices['address_hour']:g} its address)"
    how = f"{gateways} x {HOURS} h x {each} + {gb:.0f} GB x ${prices['nat_gb']:g}"
    yield Line("NAT gateways", how, gateways * HOURS * hour + gb * prices["nat_gb"])


def _data(platform: Platform, prices: Prices, use: Use) -> Iterator[Line]:
    least = platform.database.min_acu
    hours = 2 * (least * HOURS + use.acu * use.surge_h)
    more = f" + {use.acu:g} ACU x {use.surge_h:g} h" if use.acu else ""
    yield Line("Aurora", f"2 x ({least:g} ACU x {HOURS} h{more}) x ${prices['acu_hour']:g}", hours * prices["acu_hour"])
    gb, ios = 10 + use.uploads * 2e-6, use.uploads * 30 / 1e6  # 2 kB a row; thirty reads and writes an upload
    how = f"{gb:.0f} GB x ${prices['database_gb_month']:g} + {ios:.1f} M x ${prices['database_million_io']:g}"
    yield Line("its storage", how, gb * prices["database_gb_month"] + ios * prices["database_million_io"])
    stored = use.uploads * use.image_gb * 1.1
    how = f"{stored:,.0f} GB x ${prices['s3_gb_month']:g}, for each month that they are kept"
    yield Line("images in S3", how, stored * prices["s3_gb_month"])
    puts = use.uploads * PUTS / 1000
    yield Line("requests to S3", f"{puts:,.0f} k PUT x ${prices['s3_thousand_puts']:g}", puts * prices["s3_thousand_puts"])
    messages = use.uploads * MESSAGES / 1e6
    yield Line("SQS", f"{messages:.2f} M x ${prices['sqs_million']:g}", messages * prices["sqs_million"])
    how = f"1 key x ${prices['key_month']:g} + {SECRETS} secrets x ${prices['secret_month']:g}"
    yield Line("key and secrets", how, prices["key_month"] + SECRETS * prices["secret_month"])


def _edge(prices: Prices, use: Use) -> Iterator[Line]:
    calls = use.uploads * CALLS / 1e6
    yield Line("API Gateway", f"{calls:.2f} M x ${prices['api_million']:g}", calls * prices["api_million"])
    rules = f"{RULES} rules x ${prices['waf_rule_month']:g}"
    how = f"${prices['waf_acl_month']:g} + {rules} + {calls:.2f} M x ${prices['waf_million']:g}"
    yield Line("WAF", how, prices["waf_acl_month"] + RULES * prices["waf_rule_month"] + calls * prices["waf_million"])
    logs = use.uploads * LINE_GB + 2
    yield Line("logs", f"{logs:.0f} GB x ${prices['log_gb']:g}", logs * prices["log_gb"])
    yield Line(
        "metrics", f"{METRICS} x ${prices['metric_month']:g} (Container Insights, methods)", METRICS * prices["metric_month"]
    )


def table(platform: Platform, prices: Prices) -> str:
    """Return both months as a Markdown table. Pure."""
    quiet, busy = bill(platform, prices, QUIET), bill(platform, prices, MONTH_END)
    rows = [
        f"| {one.what} | {one.dollars:,.0f} | {other.dollars:,.0f} | {other.how} |"
        for one, other in zip(quiet, busy, strict=True)
        if max(one.dollars, other.dollars) >= 1
    ]
    total = f"| **together** | **{sum(one.dollars for one in quiet):,.0f}** | **{sum(one.dollars for one in busy):,.0f}** | |"
    return "\n".join(["| | quiet, $ | month-end, $ | how the second comes about |", "|---|---:|---:|---|", *rows, total])


def read_prices(path: Path = PRICES) -> Prices:
    """Read prices.yaml; BadInput with the place of what is missing, unknown or no number; CannotRun without the file."""
    if not path.is_file():
        raise CannotRun(f"{path}: there is no such file of prices")
    document = yaml_door.read_path(path)
    if document.problems:
        raise BadInput("\n".join(str(problem) for problem in document.problems))
    node, names = Node(document.value, document.spot), tuple(_names())
    said = node.fields(*names)
    for name in names:
        if name not in said:
            raise node.lacks(name)
    return {name: value.number() for name, value in said.items()}


def _names() -> Iterator[str]:
    yield from ("fargate_vcpu_hour", "fargate_gb_hour", "fargate_spot_share", "balancer_hour", "capacity_unit_hour")
    yield from ("nat_hour", "nat_gb", "address_hour", "endpoint_hour", "endpoint_gb")
    yield from ("acu_hour", "database_gb_month", "database_million_io", "s3_gb_month", "s3_thousand_puts", "sqs_million")
    yield from (
        "api_million",
        "waf_acl_month",
        "waf_rule_month",
        "waf_million",
        "log_gb",
        "metric_month",
        "key_month",
        "secret_month",
    )


def main(argv: list[str] | None = None) -> int:
    """Print one stage's table; return the exit code. A known failure is one line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m infra.aws.platform.costs", description="What the platform costs a month.")
    parser.add_argument("--stage", default="prod", help="default: prod")
    parser.add_argument("--prices", type=Path, default=PRICES, help="a file like infra/aws/platform/prices.yaml, the default")
    said = parser.parse_args(argv)
    try:
        platform = settings.parse(stage_file.read(said.stage).sections.get("platform"))
        print(table(platform, read_prices(said.prices)))  # noqa: T201 - what the command says
    except TocsinError as error:
        print(f"tocsin: {error}", file=sys.stderr)  # noqa: T201 - the one place where a failure becomes a line
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
