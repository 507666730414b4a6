"""What a row may say to answer-traffic-surge, what that needs in IAM, and what does not fit together. Data and a pure check."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from alarms.domain.action import Parameter, ParameterKind, Permission
from remediators.database import connections
from remediators.surge import expected_days, surge_ladder, usual_traffic

MIN_SUCCESS = 80.0  # a fifth fewer good requests is more than a minute's chance
_TEXT, _TEXTS, _FLAG = ParameterKind.TEXT, ParameterKind.TEXTS, ParameterKind.FLAG

PARAMETERS = (
    Parameter("log_group", _TEXT, "the API's access log, in the documented format", required=False),
    Parameter("signed_in", _FLAG, "most requests are of signed-in users (the log's `user`)", required=False),
    Parameter("kpi", _TEXT, "a business figure that rises with real traffic: `Shop OrdersPlaced`", required=False),
    Parameter("kpi_dimensions", _TEXTS, "its dimensions: `Stage=prod`", required=False),
    Parameter("expected", _TEXTS, "days on which a rise is expected: `month-end 3 d`, `2026-11-27`", required=False),
    Parameter("utc_offset", _TEXT, "of those days: `+09:00`", required=False, default="+00:00"),
    Parameter("shield", _FLAG, "the account has Shield Advanced", required=False),
    Parameter("cluster", _TEXT, "name of the ECS cluster to scale in", required=False),
    Parameter("service", _TEXT, "name of the ECS service to scale", required=False),
    Parameter("max_tasks", ParameterKind.COUNT, "never more tasks than this", required=False, ceiling=True, maximum=5000),
    Parameter(
        "step", ParameterKind.PERCENT, "how many tasks to add, as a share of those wanted now", required=False, default=50.0
    ),
    Parameter("min_step", ParameterKind.COUNT, "add at least this many tasks", required=False, default=1, maximum=5000),
    *connections.PARAMETERS,
    Parameter("acl", _TEXT, "name of the web ACL in front of the API", required=False),
    Parameter("acl_id", _TEXT, "its id", required=False),
    Parameter("scope", _TEXT, "`regional`, or `global` for CloudFront (then the stage is in us-east-1)", required=False),
    Parameter("challenge_rule", _TEXT, "a rule of that ACL, scoped to browser paths, that counts until needed", required=False),
    Parameter("captcha", _FLAG, "turn that rule to CAPTCHA instead of Challenge", required=False, default=False),
    Parameter("rate_rule", _TEXT, "a rate-based rule, scoped to the hot path, that counts until needed", required=False),
    Parameter("block_rule", _TEXT, "a rule that blocks the addresses of `ip_set`", required=False),
    Parameter("ip_set", _TEXT, "an own, empty IPv4 set of addresses", required=False),
    Parameter("ip_set_id", _TEXT, "its id", required=False),
    Parameter("allow", _TEXTS, "networks that are never blocked: partners, own NAT, monitoring, health checks", required=False),
    Parameter(
        "max_blocked", ParameterKind.PERCENT, "never block more than this share of all requests", required=False, ceiling=True
    ),
    Parameter(
        "min_success",
        ParameterKind.PERCENT,
        "lift a defence when fewer good requests than this share are left",
        required=False,
        default=MIN_SUCCESS,
    ),
    Parameter("api_id", _TEXT, "id of the API whose stage may be throttled", required=False),
    Parameter("api_stage", _TEXT, "that stage", required=False),
    Parameter("api_kind", _TEXT, "`rest` or `http`", required=False),
    Parameter("throttle_rate", ParameterKind.NUMBER, "requests a second that the stage lets through then", required=False),
    Parameter("throttle_burst", ParameterKind.COUNT, "its burst", required=False),
    Parameter("ladder", _TEXTS, "only these rungs: challenge, rate, addresses, throttle", required=False),
)

_SERVICE = "arn:{partition}:ecs:{region}:{account}:service/{cluster}/{service}"
_ACL = "arn:{partition}:wafv2:{region}:{account}:{scope}/webacl/{acl}/{acl_id}"
_SET = "arn:{partition}:wafv2:{region}:{account}:{scope}/ipset/{ip_set}/{ip_set_id}"
_REFERENCED = "an update names everything that the ACL's other rules refer to, which no row knows"

PERMISSIONS = (
    Permission("cloudwatch:GetMetricData", "*", "requests, failures, WAF and the business figure; knows no resources"),
    Permission(
        "logs:StartQuery",
        "arn:{partition}:logs:{region}:{account}:log-group:{log_group}:*",
        "who asks for what; the trailing * is the group's own streams",
    ),
    Permission("logs:GetQueryResults", "*", "read what a query found; knows no resources", only_with="log_group"),
    Permission("logs:StopQuery", "*", "end a query whose time is up; knows no resources", only_with="log_group"),
    Permission("wafv2:GetSampledRequests", _ACL, "what WAF's managed rules say of the requests"),
    Permission("wafv2:GetWebACL", _ACL, "the ACL as it is, before one rule of it is changed"),
    Permission("wafv2:UpdateWebACL", _ACL, "turn our rule, and back"),
    *(
        Permission("wafv2:UpdateWebACL", f"arn:{{partition}}:wafv2:{{region}}:{{account}}:{{scope}}/{kind}/*/*", _REFERENCED)
        for kind in ("ipset", "regexpatternset", "rulegroup", "managedruleset")
    ),
    Permission("wafv2:GetIPSet", _SET, "the addresses that are blocked"),
    Permission("wafv2:UpdateIPSet", _SET, "block addresses, and no more"),
    Permission(
        "shield:GetSubscriptionState", "*", "whether Shield Advanced may be asked; knows no resources", only_with="shield"
    ),
    Permission("shield:ListAttacks", "*", "whether an attack goes on; knows no resources", only_with="shield"),
    Permission(
        "shield:DescribeAttack", "*", "the attack itself; attacks belong to no resource that is known", only_with="shield"
    ),
    Permission(
        "apigateway:GET",
        "arn:{partition}:apigateway:{region}::/*/{api_id}/stages/{api_stage}",
        "the stage's throttle; * is the API's kind",
    ),
    Permission(
        "apigateway:PATCH",
        "arn:{partition}:apigateway:{region}::/*/{api_id}/stages/{api_stage}",
        "throttle, and back; * is the API's kind",
    ),
    Permission("ecs:DescribeServices", _SERVICE, "tasks that run, are wanted, are being deployed"),
    Permission(
        "ecs:DescribeServiceDeployments",
        "arn:{partition}:ecs:{region}:{account}:service-deployment/{cluster}/{service}/*",
        "whether the deployment that the service names is over; its id is new each time",
    ),
    Permission(
        "elasticloadbalancing:DescribeTargetHealth", "*", "whether the tasks are healthy; knows no resources", only_with="service"
    ),
    *(
        Permission(f"application-autoscaling:{call}", "*", f"{why}; knows no resources", only_with="service")
        for call, why in (
            ("DescribeScalableTargets", "the floor and the maximum"),
            ("DescribeScalingPolicies", "whether target tracking owns the count"),
            ("DescribeScalingActivities", "whether target tracking is at work already"),
            ("DescribeScheduledActions", "what is about to rewrite the floor"),
        )
    ),
    Permission(
        "application-autoscaling:RegisterScalableTarget",
        "arn:{partition}:application-autoscaling:{region}:{account}:scalable-target/*",
        "raise the floor, and give it back; the target's id is opaque",
        only_with="service",
    ),
    Permission("ecs:UpdateService", _SERVICE, "the desired count of a service without a scalable target"),
)

EXAMPLE = """\
remediate:
  - action: answer-traffic-surge
    with:
      log_group: /aws/apigateway/image-api
      kpi: Shop ImagesOrdered
      expected: [month-end 3 d]
      utc_offset: "+09:00"
      cluster: image
      service: image-api
      max_tasks: 20
      acl: image-front
      acl_id: 0a1b2c3d-1111-2222-3333-444455556666
      scope: regional
      challenge_rule: tocsin-challenge
      rate_rule: tocsin-rate
      max_blocked: 20 %
    limits: [3 per hour, 10 per day]
    cooldown: 10 m
    verify_within: 10 m
    revert: {after_ok: 30 m, at_latest: 2 h}
    otherwise: [{action: escalate}]
"""

_TOGETHER = (
    ("cluster", "service", "max_tasks"),
    ("acl", "acl_id", "scope", "max_blocked"),
    ("block_rule", "ip_set", "ip_set_id", "allow"),
    ("api_id", "api_stage", "api_kind", "throttle_rate", "throttle_burst"),
)


def problem(parameters: Mapping[str, Any]) -> str | None:
    """Return what is wrong between parameters, None when nothing is."""
    for group in _TOGETHER:
        given = [name for name in group if name in parameters]
        if given and len(given) < len(group):
            return f"{', '.join(group)} go together; {', '.join(name for name in group if name not in parameters)} missing"
    rungs = surge_ladder.configured(parameters)
    if "service" not in parameters and not rungs:
        return "nothing to answer with: name a service to scale, or a rule to turn"
    return _defences(parameters, rungs) or _sources(parameters) or connections.problem(parameters)


def _defences(parameters: Mapping[str, Any], rungs: tuple[str, ...]) -> str | None:
    rules = [name for name in ("challenge_rule", "rate_rule", "block_rule") if name in parameters]
    if bool(rules) != ("acl" in parameters):
        return "a rule needs its acl, and an acl a rule to turn"
    if parameters.get("scope", "regional") not in usual_traffic.SCOPES:
        return f"scope is regional or global, not {parameters['scope']!r}"
    if parameters.get("api_kind", "rest") not in ("rest", "http"):
        return f"api_kind is rest or http, not {parameters['api_kind']!r}"
    if parameters.get("max_blocked", 1.0) >= 100:
        return "max_blocked is below 100 %: somebody has to be let in"
    unknown = set(parameters.get("ladder", ())) - set(rungs)
    if unknown:
        return f"ladder names {', '.join(sorted(unknown))}, for which the row provides nothing"
    return _networks(parameters.get("allow", ()))


def _networks(nets: Iterable[str]) -> str | None:
    for net in nets:
        try:
            ipaddress.ip_network(net)
        except ValueError:
            return f"allow {net!r} is no network such as 203.0.113.0/24"
    return None


def _sources(parameters: Mapping[str, Any]) -> str | None:
    if "kpi" in parameters:
        wrong = usual_traffic.kpi_problem(parameters["kpi"], parameters.get("kpi_dimensions", ()))
        if wrong:
            return wrong
    if parameters.get("signed_in") and "log_group" not in parameters:
        return "signed_in is read from the log: name its log_group"
    return expected_days.problem(parameters.get("expected", ()), parameters.get("utc_offset", "+00:00"))
