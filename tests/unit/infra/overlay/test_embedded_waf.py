"""WAF: an update replaces the whole and needs the newest token; rules act in order; a rate counts anew when it is retuned."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.aws import Embedded
from infra.local.traffic_hits import Hit

SEEN = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "m"}
UPLOAD = {
    "ByteMatchStatement": {
        "FieldToMatch": {"UriPath": {}},
        "PositionalConstraint": "STARTS_WITH",
        "SearchString": b"/upload",
        "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
    }
}


def rule(name: str, priority: int, statement: dict[str, Any], action: str = "Count") -> dict[str, Any]:
    seen = {**SEEN, "MetricName": name}
    return {"Name": name, "Priority": priority, "Statement": statement, "Action": {action: {}}, "VisibilityConfig": seen}


class Acl:
    """An ACL with a description, a challenge on /upload, a rate on it and a set of addresses to block."""

    def __init__(self, aws: Embedded) -> None:
        self.aws, self.waf = aws, aws.client("wafv2")
        ips = self.waf.create_ip_set(Name="set", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=["198.51.100.7/32"])[
            "Summary"
        ]
        rate = {
            "RateBasedStatement": {"Limit": 10, "AggregateKeyType": "IP", "EvaluationWindowSec": 60, "ScopeDownStatement": UPLOAD}
        }
        self.rules = [
            rule("block", 0, {"IPSetReferenceStatement": {"ARN": ips["ARN"]}}, "Block"),
            rule("challenge", 1, UPLOAD),
            rule("rate", 2, rate, "Block"),
        ]
        self.whole = {
            "DefaultAction": {"Allow": {}},
            "Description": "the front door",
            "VisibilityConfig": SEEN,
            "Rules": self.rules,
        }
        self.summary = self.waf.create_web_acl(Name="acl", Scope="REGIONAL", **self.whole)["Summary"]
        self.named = {"Name": "acl", "Scope": "REGIONAL", "Id": self.summary["Id"]}

    def hit(self, ip: str = "203.0.113.5", path: str = "/upload/1", **members: Any) -> str:
        return self.aws.waf.judge("acl", Hit(self.aws.clock.now, ip, path, 200, "Mozilla", **members)).action


def test_an_update_needs_the_newest_token_and_replaces_all_it_does_not_name(aws: Embedded) -> None:
    acl = Acl(aws)
    token = acl.waf.get_web_acl(**acl.named)["LockToken"]
    whole = {name: value for name, value in acl.whole.items() if name != "Description"}
    acl.waf.update_web_acl(**acl.named, **whole, LockToken=token)
    assert "Description" not in acl.waf.get_web_acl(**acl.named)["WebACL"]
    with pytest.raises(ClientError, match="WAFOptimisticLockException"):
        acl.waf.update_web_acl(**acl.named, **whole, LockToken=token)


def test_a_set_is_replaced_whole_under_its_token(aws: Embedded) -> None:
    acl = Acl(aws)
    (item,) = (rule for rule in acl.rules if rule["Name"] == "block")
    identifier = item["Statement"]["IPSetReferenceStatement"]["ARN"].rsplit("/", 1)[-1]
    named = {"Name": "set", "Scope": "REGIONAL", "Id": identifier}
    token = acl.waf.get_ip_set(**named)["LockToken"]
    acl.waf.update_ip_set(**named, Addresses=["203.0.113.5/32"], LockToken=token)
    assert (acl.hit("198.51.100.7"), acl.hit("203.0.113.5")) == ("ALLOW", "BLOCK")
    with pytest.raises(ClientError, match="WAFOptimisticLockException"):
        acl.waf.update_ip_set(**named, Addresses=[], LockToken=token)


def test_counting_lets_through_and_a_challenge_stops_what_is_no_browser(aws: Embedded) -> None:
    acl = Acl(aws)
    assert (acl.hit(), acl.hit(browser=False), acl.hit("198.51.100.7")) == ("ALLOW", "ALLOW", "BLOCK")
    rules = [{**item, "Action": {"Challenge": {}}} if item["Name"] == "challenge" else item for item in acl.rules]
    whole = {**acl.whole, "Rules": rules}
    acl.waf.update_web_acl(**acl.named, **whole, LockToken=acl.waf.get_web_acl(**acl.named)["LockToken"])
    assert (acl.hit(), acl.hit(browser=False), acl.hit(path="/about", browser=False)) == ("ALLOW", "CHALLENGE", "ALLOW")


def test_a_rate_blocks_above_its_limit_within_its_window_and_counts_anew_when_retuned(aws: Embedded) -> None:
    acl = Acl(aws)
    assert [acl.hit() for _ in range(12)] == ["ALLOW"] * 10 + ["BLOCK"] * 2
    asked = {"Scope": "REGIONAL", "WebACLName": "acl", "WebACLId": acl.summary["Id"], "RuleName": "rate"}
    assert acl.waf.get_rate_based_statement_managed_keys(**asked)["ManagedKeysIPV4"]["Addresses"] == ["203.0.113.5/32"]
    aws.clock.advance(61)
    assert acl.hit() == "ALLOW"
    assert acl.waf.get_rate_based_statement_managed_keys(**asked)["ManagedKeysIPV4"]["Addresses"] == []

    for _ in range(12):
        acl.hit()
    rate = {**acl.rules[2]["Statement"]["RateBasedStatement"], "Limit": 11}
    rules = [*acl.rules[:2], {**acl.rules[2], "Statement": {"RateBasedStatement": rate}}]
    whole = {**acl.whole, "Rules": rules}
    acl.waf.update_web_acl(**acl.named, **whole, LockToken=acl.waf.get_web_acl(**acl.named)["LockToken"])
    assert acl.hit() == "ALLOW"


def test_a_sample_is_of_the_first_requests_of_three_hours_and_weighs_them(aws: Embedded) -> None:
    acl = Acl(aws)
    acl.hit("192.0.2.1")
    aws.clock.advance(4 * 3600)
    for n in range(20):
        acl.hit(f"192.0.2.{n + 10}", labels=("awswaf:managed:aws:bot-control:signal:automated_browser",))
    asked = {
        "WebAclArn": acl.summary["ARN"],
        "RuleMetricName": "challenge",
        "Scope": "REGIONAL",
        "TimeWindow": {"StartTime": aws.clock.now - timedelta(hours=5), "EndTime": aws.clock.now},
        "MaxItems": 5,
    }
    answer = acl.waf.get_sampled_requests(**asked)
    assert (answer["PopulationSize"], len(answer["SampledRequests"])) == (20, 5)
    assert sum(item["Weight"] for item in answer["SampledRequests"]) == 20
    assert answer["TimeWindow"]["StartTime"] == aws.clock.now - timedelta(hours=3)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Priority": 1}, "WAFInvalidParameterException"),
        ({"Name": "rate"}, "WAFInvalidParameterException"),
        ({"OverrideAction": {"None": {}}}, "WAFInvalidParameterException"),
        (
            {"Statement": {"IPSetReferenceStatement": {"ARN": "arn:aws:wafv2:ap-northeast-2:1:regional/ipset/x/y"}}},
            "WAFNonexistentItem",
        ),
        (
            {"Statement": {"RateBasedStatement": {"Limit": 10, "AggregateKeyType": "IP", "EvaluationWindowSec": 90}}},
            "WAFInvalidParameter",
        ),
    ],
)
def test_rules_that_waf_refuses(aws: Embedded, change: dict[str, Any], code: str) -> None:
    acl = Acl(aws)
    whole = {**acl.whole, "Rules": [{**acl.rules[0], **change}, *acl.rules[1:]]}
    with pytest.raises(ClientError, match=code):
        acl.waf.update_web_acl(**acl.named, **whole, LockToken=acl.waf.get_web_acl(**acl.named)["LockToken"])


def test_an_account_without_shield_advanced_says_so(aws: Embedded) -> None:
    shield = aws.client("shield")
    assert shield.get_subscription_state()["SubscriptionState"] == "INACTIVE"
    with pytest.raises(ClientError, match="subscription does not exist"):
        shield.list_attacks()


def test_stages_take_throttles_and_nothing_else(aws: Embedded) -> None:
    aws.stages.preload_rest("r", "prod", rate=100.0, burst=50)
    rest = aws.client("apigateway")
    patch = {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "5"}
    answer = rest.update_stage(restApiId="r", stageName="prod", patchOperations=[patch])
    assert answer["methodSettings"]["*/*"]["throttlingRateLimit"] == 5.0
    assert answer["methodSettings"]["*/*"]["throttlingBurstLimit"] == 50
    with pytest.raises(ClientError, match="BadRequestException"):
        rest.update_stage(restApiId="r", stageName="prod", patchOperations=[{**patch, "path": "/variables/x"}])
    with pytest.raises(ClientError, match="NotFoundException"):
        aws.client("apigatewayv2").get_stage(ApiId="none", StageName="prod")
