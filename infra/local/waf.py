"""AWS WAF: web ACLs and IP sets under their lock tokens, samples of requests, addresses over a rate.

UpdateWebACL and UpdateIPSet replace the whole: what a request leaves out is gone. A token is good for one update.
https://docs.aws.amazon.com/waf/latest/APIReference/API_UpdateWebACL.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.local.arns import Place
from infra.local.aws_error import AwsError
from infra.local.clock import Clock
from infra.local.seam import Operation, Request, Seam
from infra.local.traffic_hits import Hit
from infra.local.waf_rules import WINDOW_S, Rates, Verdict, judge

Params = Mapping[str, Any]
Answer = dict[str, Any]

# What an update replaces. Everything else of a web ACL is WAF's own.
REPLACED = (
    "DefaultAction",
    "Description",
    "Rules",
    "VisibilityConfig",
    "DataProtectionConfig",
    "CustomResponseBodies",
    "CaptchaConfig",
    "ChallengeConfig",
    "TokenDomains",
    "AssociationConfig",
    "OnSourceDDoSProtectionConfig",
    "ApplicationConfig",
    "MonetizationConfig",
)
SAMPLED_FROM = 5000  # only the first requests of a window are sampled
OLDEST = timedelta(hours=3)
FEWEST = 10  # the lowest Limit of a rate
WINDOWS = (60, 120, 300, 600)
ALL = "ALL"  # the metric name of a web ACL's default action, for samples


@dataclass
class _Held:
    """A web ACL or an IP set. ``fixed`` are the members that no update changes."""

    scope: str
    fixed: dict[str, Any]
    members: dict[str, Any]
    token: str
    rates: Rates = field(default_factory=Rates)
    seen: list[tuple[Hit, Verdict]] = field(default_factory=list)


class Waf:
    """The account's ACLs and sets. Requests go through ``judge``, which also keeps them for the samples."""

    def __init__(self, clock: Clock, seam: Seam, place: Place) -> None:
        self._clock = clock
        self._seam = seam
        self._place = place
        self._acls: dict[str, _Held] = {}
        self._sets: dict[str, _Held] = {}

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {
            "CreateWebACL": self.create_web_acl,
            "GetWebACL": self.get_web_acl,
            "UpdateWebACL": self.update_web_acl,
            "CreateIPSet": self.create_ip_set,
            "GetIPSet": self.get_ip_set,
            "UpdateIPSet": self.update_ip_set,
            "GetSampledRequests": self.get_sampled_requests,
            "GetRateBasedStatementManagedKeys": self.get_rate_based_statement_managed_keys,
        }

    def judge(self, acl: str, hit: Hit) -> Verdict:
        """Let a request meet the ACL called ``acl``."""
        held = next(item for item in self._acls.values() if item.fixed["Name"] == acl)
        verdict = judge(held.members["Rules"], hit, lambda arn: self._by_arn(arn).members["Addresses"], held.rates)
        held.seen.append((hit, verdict))
        return verdict

    def create_web_acl(self, params: Params, _: Request) -> Answer:
        """Create a web ACL."""
        self._check_rules(params.get("Rules", []))
        held = self._hold(params, "webacl", {name: params[name] for name in REPLACED if name in params})
        held.members.setdefault("Rules", [])
        held.fixed |= {"Capacity": 50, "LabelNamespace": f"awswaf:{self._place.account}:webacl:{params['Name']}:"}
        self._acls[held.fixed["Id"]] = held
        return {"Summary": _summary(held)}

    def get_web_acl(self, params: Params, _: Request) -> Answer:
        """Return a web ACL and the token for its next update."""
        held = self._acl(params)
        return {"WebACL": {**held.fixed, **held.members}, "LockToken": held.token}

    def update_web_acl(self, params: Params, _: Request) -> Answer:
        """Replace a web ACL. A rate-based rule whose settings change counts anew."""
        held = self._acl(params)
        _check_token(held, params)
        self._check_rules(params.get("Rules", []))
        before = {rule["Name"]: rule["Statement"] for rule in held.members["Rules"]}
        held.members = {"Rules": [], **{name: params[name] for name in REPLACED if name in params}}
        for rule in held.members["Rules"]:
            if before.get(rule["Name"]) != rule["Statement"]:
                held.rates.reset(rule["Name"])
        held.token = self._seam.next_id()
        return {"NextLockToken": held.token}

    def create_ip_set(self, params: Params, _: Request) -> Answer:
        """Create an IP set."""
        held = self._hold(params, "ipset", {"Addresses": list(params["Addresses"])})
        held.fixed["IPAddressVersion"] = params["IPAddressVersion"]
        if "Description" in params:
            held.members["Description"] = params["Description"]
        self._sets[held.fixed["Id"]] = held
        return {"Summary": _summary(held)}

    def get_ip_set(self, params: Params, _: Request) -> Answer:
        """Return an IP set and the token for its next update."""
        held = self._set(params)
        return {"IPSet": {**held.fixed, **held.members}, "LockToken": held.token}

    def update_ip_set(self, params: Params, _: Request) -> Answer:
        """Replace all addresses of an IP set."""
        held = self._set(params)
        _check_token(held, params)
        bad = [address for address in params["Addresses"] if "/" not in address]
        if bad:
            raise AwsError("WAFInvalidParameterException", f"{bad[0]} is not in CIDR notation.")
        held.members = {"Addresses": sorted(set(params["Addresses"]))}
        if "Description" in params:
            held.members["Description"] = params["Description"]
        held.token = self._seam.next_id()
        return {"NextLockToken": held.token}

    def get_sampled_requests(self, params: Params, request: Request) -> Answer:
        """Return a sample of the first 5,000 requests that a rule (or the ACL) took in a window of the last 3 hours."""
        held = next((item for item in self._acls.values() if item.fixed["ARN"] == params["WebAclArn"]), None)
        if held is None:
            raise AwsError(
                "WAFNonexistentItemException", "AWS WAF couldn't perform the operation because your resource doesn't exist."
            )
        start, end = _aware(params["TimeWindow"]["StartTime"]), _aware(params["TimeWindow"]["EndTime"])
        if end <= request.at - OLDEST:
            raise AwsError("WAFInvalidParameterException", "The time window is older than 3 hours.")
        start = max(start, request.at - OLDEST)
        rule = _rule_of_metric(held, params["RuleMetricName"])
        found = [(hit, verdict) for hit, verdict in held.seen if start <= hit.at <= end and (not rule or _took(verdict, rule))]
        first = found[:SAMPLED_FROM]
        step = max(1, -(-len(first) // params["MaxItems"]))
        sample = first[::step]
        return {
            "SampledRequests": [_sampled(hit, verdict, step) for hit, verdict in sample],
            "PopulationSize": len(found),
            "TimeWindow": {"StartTime": start, "EndTime": end},
        }

    def get_rate_based_statement_managed_keys(self, params: Params, request: Request) -> Answer:
        """Return the addresses that a rate-based rule is acting upon now; of rules keyed by address only."""
        held = self._acls.get(params["WebACLId"])
        rule = next((item for item in held.members["Rules"] if item["Name"] == params["RuleName"]), None) if held else None
        if held is None or rule is None or "RateBasedStatement" not in rule["Statement"]:
            raise AwsError(
                "WAFNonexistentItemException", "AWS WAF couldn't perform the operation because your resource doesn't exist."
            )
        rate = rule["Statement"]["RateBasedStatement"]
        if rate["AggregateKeyType"] not in ("IP", "FORWARDED_IP"):
            raise AwsError("WAFUnsupportedAggregateKeyTypeException", "The rule does not aggregate by IP address.")
        over = held.rates.over(rule["Name"], rate["Limit"], request.at, rate.get("EvaluationWindowSec", WINDOW_S))
        return {"ManagedKeysIPV4": {"IPAddressVersion": "IPV4", "Addresses": [f"{ip}/32" for ip in over[:10_000]]}}

    def _hold(self, params: Params, kind: str, members: dict[str, Any]) -> _Held:
        named = [*self._acls.values()] if kind == "webacl" else [*self._sets.values()]
        if any(item.fixed["Name"] == params["Name"] and item.scope == params["Scope"] for item in named):
            raise AwsError(
                "WAFDuplicateItemException", "AWS WAF couldn't perform the operation because some resource is a duplicate."
            )
        identifier, where = self._seam.next_id(), "global" if params["Scope"] == "CLOUDFRONT" else "regional"
        arn = self._place.arn("wafv2", f"{where}/{kind}/{params['Name']}/{identifier}")
        return _Held(params["Scope"], {"Name": params["Name"], "Id": identifier, "ARN": arn}, members, self._seam.next_id())

    def _acl(self, params: Params) -> _Held:
        return _found(self._acls, params)

    def _set(self, params: Params) -> _Held:
        return _found(self._sets, params)

    def _by_arn(self, arn: str) -> _Held:
        return next(item for item in self._sets.values() if item.fixed["ARN"] == arn)

    def _check_rules(self, rules: list[Mapping[str, Any]]) -> None:
        names, priorities = {rule["Name"] for rule in rules}, {rule["Priority"] for rule in rules}
        if len(names) < len(rules) or len(priorities) < len(rules):
            raise AwsError("WAFInvalidParameterException", "Names and priorities of rules must be unique.")
        known = {item.fixed["ARN"] for item in self._sets.values()}
        for rule in rules:
            if ("Action" in rule) == ("OverrideAction" in rule):
                raise AwsError("WAFInvalidParameterException", "A rule has either Action or OverrideAction.")
            if len(rule.get("Action", rule.get("OverrideAction"))) != 1:
                raise AwsError("WAFInvalidParameterException", "You have to specify exactly one action.")
            _check_statement(rule["Statement"], known)


def _check_statement(statement: Mapping[str, Any], known: set[str]) -> None:
    ((kind, body),) = statement.items()
    if kind == "IPSetReferenceStatement" and body["ARN"] not in known:
        raise AwsError("WAFNonexistentItemException", f"The referenced item {body['ARN']} does not exist.")
    if kind == "RateBasedStatement":
        if body["Limit"] < FEWEST or body.get("EvaluationWindowSec", WINDOW_S) not in WINDOWS:
            raise AwsError("WAFInvalidParameterException", f"A rate is at least {FEWEST} in {WINDOWS} seconds.")
        if "ScopeDownStatement" in body:
            _check_statement(body["ScopeDownStatement"], known)
    for item in body.get("Statements", [body["Statement"]] if kind == "NotStatement" else []):
        _check_statement(item, known)


def _found(items: Mapping[str, _Held], params: Params) -> _Held:
    held = items.get(params.get("Id", ""))
    if held is None or held.fixed["Name"] != params.get("Name") or held.scope != params.get("Scope"):
        raise AwsError(
            "WAFNonexistentItemException", "AWS WAF couldn't perform the operation because your resource doesn't exist."
        )
    return held


def _check_token(held: _Held, params: Params) -> None:
    if params["LockToken"] != held.token:
        raise AwsError(
            "WAFOptimisticLockException",
            "AWS WAF couldn't save your changes because someone changed the resource after you started to edit it.",
        )


def _summary(held: _Held) -> Answer:
    return {name: held.fixed[name] for name in ("Name", "Id", "ARN")} | {"LockToken": held.token}


def _rule_of_metric(held: _Held, metric: str) -> str:
    """Return the rule's name, "" for the whole web ACL."""
    if metric in (ALL, held.members["VisibilityConfig"]["MetricName"]):
        return ""
    for rule in held.members["Rules"]:
        if rule["VisibilityConfig"]["MetricName"] == metric:
            return str(rule["Name"])
    raise AwsError("WAFNonexistentItemException", f"No rule has the metric {metric}.")


def _took(verdict: Verdict, rule: str) -> bool:
    return verdict.rule == rule or rule in verdict.counted


def _sampled(hit: Hit, verdict: Verdict, weight: int) -> Answer:
    headers = [{"Name": "user-agent", "Value": hit.agent}] if hit.agent else []
    return {
        "Request": {
            "ClientIP": hit.ip,
            "Country": hit.country,
            "URI": hit.path,
            "Method": hit.method,
            "HTTPVersion": "HTTP/2.0",
            "Headers": headers,
        },
        "Weight": weight,
        "Timestamp": hit.at,
        "Action": verdict.action,
        "Labels": [{"Name": label} for label in hit.labels],
    }


def _aware(value: Any) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
