"""An API with a WAF in front, its customers, and the action that answers surges: what the stories of S11.3 are told in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from alarms.domain.alarm import Alarm, Condition, Missing, Mode, Operator, Policy, Revert, Severity
from alarms.domain.bounds import Limit
from alarms.domain.decision import Change, Proposal
from alarms.domain.text import Language
from infra.local.aws import Embedded, embedded
from infra.local.seam import Call
from infra.local.traffic_feed import Names, TrafficFeed
from remediators.action import Purpose, Refusal, Situation
from remediators.actions.answer_traffic_surge import AnswerTrafficSurge
from remediators.aws import Client

MONTH_END = datetime(2026, 10, 31, 1, 0, tzinfo=UTC)  # ten in the morning in Seoul
ORDINARY = datetime(2026, 10, 14, 1, 0, tzinfo=UTC)
CHANGING = ("Update", "Register", "Put", "Create", "Delete")
SEEN = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True}
UPLOADS = {
    "ByteMatchStatement": {
        "FieldToMatch": {"UriPath": {}},
        "PositionalConstraint": "STARTS_WITH",
        "SearchString": b"/uploads",
        "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
    }
}


class Front:
    """The web ACL as people have prepared it: others' rules, and ours, which count."""

    def __init__(self, aws: Embedded) -> None:
        waf = aws.client("wafv2")
        self.ips = waf.create_ip_set(Name="tocsin-blocked", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=[])["Summary"]
        rate = {"Limit": 100, "AggregateKeyType": "IP", "EvaluationWindowSec": 60, "ScopeDownStatement": UPLOADS}
        theirs = {"GeoMatchStatement": {"CountryCodes": ["KP"]}}
        rules = [
            ("geo", {"Block": {}}, theirs),
            ("tocsin-blocked", {"Block": {}}, {"IPSetReferenceStatement": {"ARN": self.ips["ARN"]}}),
            ("tocsin-challenge", {"Count": {}}, UPLOADS),
            ("tocsin-rate", {"Count": {}}, {"RateBasedStatement": rate}),
        ]
        self.acl = waf.create_web_acl(
            Name="image-front",
            Scope="REGIONAL",
            DefaultAction={"Allow": {}},
            Description="the front door of the image API",
            VisibilityConfig={**SEEN, "MetricName": "image-front"},
            ChallengeConfig={"ImmunityTimeProperty": {"ImmunityTime": 600}},
            CustomResponseBodies={"sorry": {"ContentType": "TEXT_PLAIN", "Content": "sorry"}},
            Rules=[
                {
                    "Name": name,
                    "Priority": number,
                    "Action": action,
                    "Statement": statement,
                    "VisibilityConfig": {**SEEN, "MetricName": name},
                }
                for number, (name, action, statement) in enumerate(rules)
            ],
        )["Summary"]
        self._named = {"Name": "image-front", "Scope": "REGIONAL", "Id": self.acl["Id"]}
        self._waf = waf

    def whole(self) -> Mapping[str, Any]:
        """Return the ACL as it stands."""
        acl: Mapping[str, Any] = self._waf.get_web_acl(**self._named)["WebACL"]
        return acl

    def actions(self) -> dict[str, str]:
        """Return what each rule does."""
        return {rule["Name"]: next(iter(rule["Action"])) for rule in self.whole()["Rules"]}

    def blocked(self) -> list[str]:
        """Return the addresses in our set."""
        found = self._waf.get_ip_set(Name="tocsin-blocked", Scope="REGIONAL", Id=self.ips["Id"])["IPSet"]["Addresses"]
        return list(found)

    @property
    def parameters(self) -> dict[str, Any]:
        """What a row says of it."""
        return {
            "acl": "image-front",
            "acl_id": self.acl["Id"],
            "scope": "regional",
            "challenge_rule": "tocsin-challenge",
            "rate_rule": "tocsin-rate",
            "block_rule": "tocsin-blocked",
            "ip_set": "tocsin-blocked",
            "ip_set_id": self.ips["Id"],
            "allow": ["203.0.113.0/24"],
            "max_blocked": 20.0,
        }


class Surge:
    """The story's teller. ``calls`` are the action's own."""

    action = AnswerTrafficSurge()

    def __init__(self, aws: Embedded) -> None:
        self.aws, self.front = aws, Front(aws)
        ecs = aws.client("ecs")
        ecs.create_cluster(clusterName="image")
        ecs.register_task_definition(family="image", containerDefinitions=[{"name": "app", "image": "image:1"}])
        ecs.create_service(cluster="image", serviceName="image-api", taskDefinition="image", desiredCount=4)
        aws.ecs.settle("image", "image-api")
        aws.client("application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId="service/image/image-api",
            ScalableDimension="ecs:service:DesiredCount",
            MinCapacity=4,
            MaxCapacity=20,
        )
        self.feed = TrafficFeed(aws, Names(acl="image-front"))
        self.feed.past()
        self.calls: list[Call] = []
        aws.seam.observe(self.calls.append)

    def clients(self, service: str) -> Any:
        """Return clients as the action gets them."""
        return Client(self.aws.client(service))

    def policy(self, **parameters: Any) -> Policy:
        """Return the row's policy; a parameter that is None is left out."""
        given = {
            "log_group": "/aws/apigateway/image-api",
            "signed_in": True,
            "kpi": "Shop ImagesOrdered",
            "expected": ["month-end 3 d"],
            "utc_offset": "+09:00",
            "cluster": "image",
            "service": "image-api",
            "max_tasks": 20,
            "step": 100.0,
            **self.front.parameters,
            **parameters,
        }
        named = {name: value for name, value in given.items() if value is not None}
        revert = Revert(after_ok_s=1800, at_latest_s=7200)
        return Policy("answer-traffic-surge", named, Mode.AUTO, (Limit(3, 3600),), 600, 600, revert)

    def situation(self, purpose: Purpose = Purpose.DECIDE, acted_at: datetime | None = None, **parameters: Any) -> Situation:
        """Return what the engine would hand to the action."""
        return Situation(
            alarm(self.policy(**parameters)), self.policy(**parameters), 3000.0, self.aws.clock.now, purpose, acted_at
        )

    def decide(self, **parameters: Any) -> Proposal | Refusal:
        """Gather and decide."""
        situation = self.situation(**parameters)
        observed = self.action.observe(self.clients, situation)
        self.kept = self.action.evidence(observed, situation)
        return self.action.propose(observed, situation)

    def act(self, proposal: Proposal) -> datetime:
        """Make the proposed changes; returns when."""
        for change in proposal.changes:
            self.action.run(self.clients, change, lambda: None)
        return self.aws.clock.now

    def harm(self, proposal: Proposal, acted_at: datetime, **parameters: Any) -> str:
        """Return what harm is seen, "" for none."""
        situation = self.situation(Purpose.WATCH, acted_at, **parameters)
        found = self.action.harm(self.action.observe(self.clients, situation), proposal, situation)
        return found.en if found else ""

    def restore(self, proposal: Proposal, acted_at: datetime, **parameters: Any) -> Proposal | Refusal:
        """Give back what is still ours."""
        situation = self.situation(Purpose.REVERT, acted_at, **parameters)
        back = self.action.restore(self.action.observe(self.clients, situation), proposal, situation)
        if isinstance(back, Proposal):
            self.act(back)
        return back

    def moved(self, proposal: Proposal, **parameters: Any) -> bool | None:
        """Tell whether the mechanism got there."""
        situation = self.situation(Purpose.VERIFY, **parameters)
        return self.action.moved(self.action.observe(self.clients, situation), proposal)

    def changing(self) -> list[str]:
        """Return the changing calls that the action has made."""
        return [call.operation for call in self.calls if call.operation.startswith(CHANGING) and call.service not in ("logs",)]


def alarm(policy: Policy) -> Alarm:
    """Return the row that rings when the API is slow."""
    return Alarm(
        name="tocsin/dev/image-processing/api-gateway/latency/image-api",
        account="123456789012",
        region="ap-northeast-2",
        catalogue="image",
        stage="dev",
        service="image-processing",
        component="api-gateway",
        row="image-processing/api-gateway/latency",
        target={"ApiName": "image-api", "Stage": "prod"},
        title="The API is slow",
        severity=Severity.CRITICAL,
        owner="platform",
        notify="ops-alerts",
        channel="#ops",
        language=Language.EN,
        runbook="docs/runbooks/api-gateway-latency.md",
        runbook_url="",
        condition=Condition(">= 2500 ms", "AWS/ApiGateway Latency", Operator.GE, 2500.0, "ms"),
        period_s=60,
        evaluation_periods=5,
        datapoints_to_alarm=5,
        missing=Missing.NOT_BREACHING,
        policies=(policy,),
    )


def changed(answer: Proposal | Refusal) -> Change:
    """Return the one change proposed."""
    assert isinstance(answer, Proposal), answer
    (change,) = answer.changes
    return change


@contextmanager
def surge_world(start: datetime) -> Iterator[Surge]:
    """Open the world at ``start``."""
    with embedded(start) as aws:
        yield Surge(aws)
