"""Which rule of a web ACL takes a request, as AWS WAF evaluates them: by priority, Count goes on, the first other action ends it.

The statements that tocsin's own rules are made of: IP sets, byte matches, rates, labels, countries and their combinations.
https://docs.aws.amazon.com/waf/latest/developerguide/web-acl-processing.html
"""

from __future__ import annotations

import ipaddress
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.local.traffic_hits import Hit

Statement = Mapping[str, Any]
WINDOW_S = 300  # EvaluationWindowSec, unless the statement says otherwise
_MATCHES: dict[str, Callable[[str, str], bool]] = {
    "EXACTLY": lambda text, wanted: text == wanted,
    "STARTS_WITH": lambda text, wanted: text.startswith(wanted),
    "ENDS_WITH": lambda text, wanted: text.endswith(wanted),
    "CONTAINS": lambda text, wanted: wanted in text,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a request: ``action`` is ALLOW, BLOCK, CHALLENGE or CAPTCHA; ``rule`` "" for the default action."""

    action: str
    rule: str
    counted: tuple[str, ...] = ()


class Rates:
    """How many requests each address made within each rate-based rule's window."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], deque[float]] = {}

    def add(self, rule: str, ip: str, at: datetime, window_s: int) -> int:
        """Count one request; returns how many there were within the window, this one included."""
        times = self._seen.setdefault((rule, ip), deque())
        times.append(at.timestamp())
        return self._within(times, at, window_s)

    def over(self, rule: str, limit: int, at: datetime, window_s: int) -> list[str]:
        """Return the addresses above ``limit``, the busiest first."""
        counts = {ip: self._within(times, at, window_s) for (name, ip), times in self._seen.items() if name == rule}
        return [ip for ip, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if count > limit]

    def reset(self, rule: str) -> None:
        """Forget a rule's counts: what WAF does when the rule's settings change."""
        for key in [key for key in self._seen if key[0] == rule]:
            del self._seen[key]

    def _within(self, times: deque[float], at: datetime, window_s: int) -> int:
        while times and times[0] <= at.timestamp() - window_s:
            times.popleft()
        return len(times)


def judge(rules: Sequence[Mapping[str, Any]], hit: Hit, addresses: Callable[[str], Sequence[str]], rates: Rates) -> Verdict:
    """Return what becomes of ``hit``. ``addresses`` gives the members of an IP set by its ARN."""
    counted: list[str] = []
    for rule in sorted(rules, key=lambda item: item["Priority"]):
        if not matches(rule["Statement"], hit, rule["Name"], addresses, rates):
            continue
        (action,) = rule.get("Action", {"Count": {}})
        # A browser solves a challenge and comes with its token: then the rule counts and the request goes on.
        if action == "Count" or (action in ("Challenge", "Captcha") and hit.browser):
            counted.append(rule["Name"])
            continue
        return Verdict(action.upper(), rule["Name"], tuple(counted))
    return Verdict("ALLOW", "", tuple(counted))


def matches(statement: Statement, hit: Hit, rule: str, addresses: Callable[[str], Sequence[str]], rates: Rates) -> bool:
    """Tell whether one statement matches; NotImplementedError names one that is not modelled."""

    def inner(nested: Statement) -> bool:
        return matches(nested, hit, rule, addresses, rates)

    ((kind, body),) = statement.items()
    if kind == "AndStatement":
        return all(inner(item) for item in body["Statements"])
    if kind == "OrStatement":
        return any(inner(item) for item in body["Statements"])
    if kind == "NotStatement":
        return not inner(body["Statement"])
    if kind == "RateBasedStatement":
        scope = body.get("ScopeDownStatement")
        if scope is not None and not inner(scope):
            return False
        return rates.add(rule, hit.ip, hit.at, body.get("EvaluationWindowSec", WINDOW_S)) > int(body["Limit"])
    return _single(kind, body, hit, addresses)


def _single(kind: str, body: Statement, hit: Hit, addresses: Callable[[str], Sequence[str]]) -> bool:
    if kind == "IPSetReferenceStatement":
        ip = ipaddress.ip_address(hit.ip)
        return any(ip in ipaddress.ip_network(item) for item in addresses(body["ARN"]))
    if kind == "LabelMatchStatement":
        return body["Key"] in hit.labels
    if kind == "GeoMatchStatement":
        return hit.country in body["CountryCodes"]
    if kind == "ByteMatchStatement":
        wanted = body["SearchString"]
        text = wanted.decode() if isinstance(wanted, (bytes, bytearray)) else str(wanted)
        return _MATCHES[body["PositionalConstraint"]](_part(body["FieldToMatch"], hit), text)
    raise NotImplementedError(f"the embedded WAF does not evaluate {kind}")


def _part(field: Statement, hit: Hit) -> str:
    ((kind, body),) = field.items()
    if kind == "UriPath":
        return hit.path
    if kind == "Method":
        return hit.method
    if kind == "SingleHeader" and body["Name"].lower() == "user-agent":
        return hit.agent
    raise NotImplementedError(f"the embedded WAF does not look at {kind}")
