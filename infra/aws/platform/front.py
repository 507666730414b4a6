"""The web ACL before the API: AWS's managed rules block, and two rules of ours only count until answer-traffic-surge turns one.

That action changes one rule's action in the live ACL and gives it back. A deployment that changes this ACL in between resets the
rules to Count: it is then as if a person had lifted the defence.
"""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

ACL, CHALLENGE, RATE = "image-front", "tocsin-challenge", "tocsin-rate"
LOG_GROUP = f"aws-waf-logs-{ACL}"  # WAF writes to groups of this prefix only
# The order is the order of evaluation. The lists label requests for the surge's diagnosis as well.
MANAGED = ("AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesCommonRuleSet")
WINDOW_S = 300
AS_IT_IS = [{"priority": 0, "type": "NONE"}]


class Front(Construct):
    """The ACL (``acl``) and its log. ``path`` is what the API's requests begin with, ``per_address`` the rate rule's limit."""

    def __init__(self, scope: Construct, ident: str, *, path: str, per_address: int, key: kms.IKey) -> None:
        super().__init__(scope, ident)
        self.acl = waf.CfnWebACL(
            self,
            "Acl",
            name=ACL,
            scope="REGIONAL",
            default_action={"allow": {}},
            visibility_config=_seen(ACL),
            rules=[
                *(_managed(priority, name) for priority, name in enumerate(MANAGED)),
                _counting(10, CHALLENGE, _browsers(path)),
                _counting(11, RATE, _rated(per_address, _begins(path, {"uriPath": {}}))),
            ],
        )
        log = logs.LogGroup(
            self, "Log", log_group_name=LOG_GROUP, retention=logs.RetentionDays.ONE_MONTH, encryption_key=key,
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )  # fmt: skip
        stack = cdk.Stack.of(self)
        written = waf.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=self.acl.attr_arn,
            log_destination_configs=[f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:{LOG_GROUP}"],
            redacted_fields=[{"singleHeader": {"Name": "authorization"}}, {"singleHeader": {"Name": "cookie"}}],
            # What was simply let through is in the API's access log already, and would be most of the bill.
            logging_filter={
                "DefaultBehavior": "DROP",
                "Filters": [
                    {
                        "Behavior": "KEEP",
                        "Requirement": "MEETS_ANY",
                        "Conditions": [
                            {"ActionCondition": {"Action": action}} for action in ("BLOCK", "COUNT", "CHALLENGE", "CAPTCHA")
                        ],
                    }
                ],
            },
        )
        written.node.add_dependency(log)


def _seen(metric: str) -> dict[str, Any]:
    return {"cloudWatchMetricsEnabled": True, "metricName": metric, "sampledRequestsEnabled": True}


def _managed(priority: int, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "priority": priority,
        "statement": {"managedRuleGroupStatement": {"vendorName": "AWS", "name": name}},
        "overrideAction": {"none": {}},
        "visibilityConfig": _seen(name),
    }


def _counting(priority: int, name: str, statement: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "priority": priority,
        "statement": statement,
        "action": {"count": {}},
        "visibilityConfig": _seen(name),
    }


def _browsers(path: str) -> dict[str, Any]:
    """Return what looks at requests that say they are a browser's; a preflight cannot carry the token that passes a challenge."""
    preflight = _matches("OPTIONS", {"method": {}}, "EXACTLY")
    return _all_of(
        _begins(path, {"uriPath": {}}), _begins("Mozilla/", _header("user-agent")), {"notStatement": {"statement": preflight}}
    )


def _rated(limit: int, scope: dict[str, Any]) -> dict[str, Any]:
    """Return a rate-based statement with a scope: what it counts it would block, and nothing outside of it."""
    rate = {"limit": limit, "evaluationWindowSec": WINDOW_S, "aggregateKeyType": "IP", "scopeDownStatement": scope}
    return {"rateBasedStatement": rate}


def _all_of(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"andStatement": {"statements": list(statements)}}


def _begins(text: str, field: dict[str, Any]) -> dict[str, Any]:
    return _matches(text, field, "STARTS_WITH")


def _matches(text: str, field: dict[str, Any], how: str) -> dict[str, Any]:
    match = {"searchString": text, "fieldToMatch": field, "positionalConstraint": how, "textTransformations": AS_IT_IS}
    return {"byteMatchStatement": match}


def _header(name: str) -> dict[str, Any]:
    return {"singleHeader": {"Name": name}}
