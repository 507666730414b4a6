"""What an API's traffic looks like now and what it usually looks like at this hour: numbers only, judged elsewhere.

Everything that could not be read is None, and everything that was not asked for is left out of ``asked``: the difference decides
(``surge_scoring``). Reading is bounded: at most ten minutes of access log, two calls for metrics, one sample of WAF, a time box.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from alarms.domain.alarm import Alarm
from alarms.domain.errors import Permanent, Retryable
from alarms.domain.regions import partition_of
from remediators.action import Clients, Situation
from remediators.log_insights import Findings, Question, ask_all
from remediators.surge import expected_days, usual_traffic
from remediators.surge.usual_traffic import Rates

BUDGET_S = 15.0  # for the log queries; the rest of a decision takes a few seconds
ENOUGH_S = 10.0  # what the decision and its change still need; the lighter sources yield to them
ROWS = 1000
SAMPLES = 500  # WAF gives no more
DENIED = ("401", "403", "404", "429")
# Labels by which AWS's own managed rules say what they think of a request.
# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
SUSPICIOUS = ("awswaf:managed:aws:anti-ddos:", "awswaf:managed:aws:amazon-ip-list:", "awswaf:managed:aws:bot-control:signal:")
_HARMLESS = ("challengeable-request", "event-detected", "low-suspicion-ddos-request")

TALKERS = f"filter ispresent(ip) | stats count(*) as n by ip | sort n desc | limit {ROWS}"
PATHS = f"filter ispresent(path) | stats count(*) as n by path, status | sort n desc | limit {ROWS}"
# API Gateway writes "-" where there is nobody.
AGENTS = r"parse user /^(?<known>[^-].*)$/ | stats count(*) as n, count(known) as known by userAgent | sort n desc"
AGENTS = f"{AGENTS} | limit {ROWS}"


@dataclass(frozen=True, slots=True)
class Logged:
    """What the last minutes of access log say. Each is None when its query gave nothing.

    ``talkers`` are (address, requests), ``paths`` (path, status, requests), ``agents`` (user agent, requests, signed in).
    """

    talkers: tuple[tuple[str, int], ...] | None = None
    paths: tuple[tuple[str, str, int], ...] | None = None
    agents: tuple[tuple[str, int, int], ...] | None = None
    trouble: str = ""

    @property
    def requests(self) -> int:
        """All requests that the paths count."""
        return sum(count for *_, count in self.paths or ())


@dataclass(frozen=True, slots=True)
class Traffic:
    """All of it. ``now`` and ``usual`` are per minute. ``labelled`` is (suspicious, all) weight of WAF's sample.

    ``attack``: Shield Advanced sees an attack go on. ``expected``: the calendar's entry for today, "" for none.
    ``asked`` are the sources that the row names: log, users, kpi, calendar, shield.
    """

    asked: frozenset[str]
    now: Rates
    usual: Rates
    logged: Logged = Logged()
    labelled: tuple[int, int] | None = None
    attack: bool | None = None
    expected: str | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the usual."""
        if self.now.requests is None or not self.usual.requests:
            return None
        return self.now.requests / self.usual.requests


def observe(clients: Clients, situation: Situation, pause: Callable[[float], object] = time.sleep) -> Traffic:
    """Read all that the row names.

    logs StartQuery, GetQueryResults, StopQuery; cloudwatch GetMetricData; wafv2 GetSampledRequests; shield
    GetSubscriptionState, ListAttacks, DescribeAttack. Raises nothing of what a source answers: it is unknown then.
    """
    parameters, alarm, now = situation.policy.parameters, situation.alarm, situation.now
    present, usual = usual_traffic.observe(clients, alarm, parameters, now)
    seen = Traffic(asked(parameters), present, usual)
    if "log_group" in parameters:
        seen = replace(seen, logged=_logged(clients, parameters["log_group"], situation, pause))
    if "acl" in parameters and situation.left_s() > ENOUGH_S:
        seen = replace(seen, labelled=_labelled(clients, alarm, parameters, now))
    if parameters.get("shield") and situation.left_s() > ENOUGH_S:
        seen = replace(seen, attack=_attacked(clients))
    if "expected" in parameters:
        entry = expected_days.expected(parameters["expected"], parameters.get("utc_offset", "+00:00"), now)
        seen = replace(seen, expected=entry)
    return seen


def asked(parameters: Mapping[str, Any]) -> frozenset[str]:
    """Return the sources that a row names: one that is named and gives no answer is unknown, one that is not does not count."""
    named = {"log": "log_group", "kpi": "kpi", "calendar": "expected"}
    found = {source for source, parameter in named.items() if parameter in parameters}
    found |= {"shield"} if parameters.get("shield") else set()
    found |= {"users"} if parameters.get("signed_in") and "log_group" in parameters else set()
    return frozenset(found)


def _logged(clients: Clients, group: str, situation: Situation, pause: Callable[[float], object]) -> Logged:
    end = situation.now
    start = end - usual_traffic.window(situation.alarm)
    questions = [Question((group,), query, start, end, ROWS) for query in (TALKERS, PATHS, AGENTS)]
    talkers, paths, agents = ask_all(clients, questions, budget_s=BUDGET_S, left_s=situation.left_s, pause=pause)
    return Logged(
        talkers=_rows(talkers, lambda row: (row["ip"], int(row["n"]))),
        paths=_rows(paths, lambda row: (row["path"], row.get("status", ""), int(row["n"]))),
        agents=_rows(agents, lambda row: (row.get("userAgent", "-"), int(row["n"]), int(row.get("known", "0")))),
        trouble=talkers.trouble or paths.trouble or agents.trouble,
    )


def _rows(found: Findings, read: Callable[[Mapping[str, str]], Any]) -> tuple[Any, ...] | None:
    """Return the rows, of a partial answer too; None when there is none, or it is not of the form that was asked for."""
    try:
        rows = tuple(read(row) for row in found.rows)
    except (KeyError, ValueError):
        return None
    return rows or None


def _labelled(clients: Clients, alarm: Alarm, parameters: Mapping[str, Any], now: datetime) -> tuple[int, int] | None:
    """Return the weight of suspicious requests and of all in a sample; None when nothing is labelled by anybody."""
    scope = parameters["scope"]
    arn = (
        f"arn:{partition_of(alarm.region)}:wafv2:{alarm.region}:{alarm.account}:"
        f"{scope}/webacl/{parameters['acl']}/{parameters['acl_id']}"
    )
    try:
        answer = clients("wafv2").get_sampled_requests(
            WebAclArn=arn,
            RuleMetricName="ALL",
            Scope=usual_traffic.SCOPES[scope],
            TimeWindow={"StartTime": now - usual_traffic.window(alarm), "EndTime": now},
            MaxItems=SAMPLES,
        )
    except (Permanent, Retryable):
        return None
    sample = [(item["Weight"], [label["Name"] for label in item.get("Labels", ())]) for item in answer.get("SampledRequests", ())]
    if not any(_speaks(label) for _, labels in sample for label in labels):
        return None
    bad = sum(weight for weight, labels in sample if any(_suspicious(label) for label in labels))
    return bad, sum(weight for weight, _ in sample)


def _speaks(label: str) -> bool:
    return label.startswith(SUSPICIOUS)


def _suspicious(label: str) -> bool:
    return _speaks(label) and not label.endswith(_HARMLESS)


def _attacked(clients: Clients) -> bool | None:
    """Tell whether Shield Advanced sees an attack go on; None without a subscription or an answer."""
    shield = clients("shield")
    try:
        if shield.get_subscription_state()["SubscriptionState"] != "ACTIVE":
            return None
        going_on = [item for item in shield.list_attacks()["AttackSummaries"] if "EndTime" not in item]
        if not going_on:
            return False
        attack = shield.describe_attack(AttackId=going_on[0]["AttackId"]).get("Attack", {})
    except (Permanent, Retryable):
        return None
    return "EndTime" not in attack


def top(counts: Sequence[int], most: int) -> int:
    """Return the sum of the ``most`` biggest."""
    return sum(sorted(counts, reverse=True)[:most])
