"""An alarm as every room knows it: one catalogue row times one target, fully resolved.

`apply` publishes it to the ``catalogue`` table; the Lambdas read it back. It carries no CloudWatch request: that is
compiled at deploy time by ``alarms.compile`` and never needed at run time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any

from alarms.domain.bounds import Bounds, Limit
from alarms.domain.text import Language

Json = Any  # a JSON value; parsed into types by whoever owns its meaning

DOCUMENT_VERSION = 1


class Severity(StrEnum):
    """How loud an alarm is. critical: act now; warning: act today; info: know."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Mode(StrEnum):
    """How far remediation may go. The effective mode is the lowest of row, stage cap and live switch."""

    OBSERVE = "observe"
    PROPOSE = "propose"
    APPROVE = "approve"
    AUTO = "auto"

    @property
    def rank(self) -> int:
        """Position from the most to the least restrained: observe 0, propose 1, approve 2, auto 3."""
        return tuple(Mode).index(self)


def lowest(*modes: Mode) -> Mode:
    """Return the most restrained of ``modes``."""
    return min(modes, key=lambda mode: mode.rank)


class Operator(Enum):
    """A static threshold's comparison: (sign in the YAML and in messages, CloudWatch's ComparisonOperator)."""

    GE = (">=", "GreaterThanOrEqualToThreshold")
    GT = (">", "GreaterThanThreshold")
    LT = ("<", "LessThanThreshold")
    LE = ("<=", "LessThanOrEqualToThreshold")

    @property
    def sign(self) -> str:
        """The sign as written in ``when``."""
        return str(self.value[0])

    @property
    def cloudwatch(self) -> str:
        """The value of PutMetricAlarm's ComparisonOperator."""
        return str(self.value[1])

    @staticmethod
    def from_sign(sign: str) -> Operator:
        """Return the operator written ``sign``; ValueError when there is none."""
        for operator in Operator:
            if operator.sign == sign:
                return operator
        raise ValueError(f"unknown operator {sign!r}")


class Missing(StrEnum):
    """What a missing point counts as; ``cloudwatch`` is the value of TreatMissingData."""

    BREACHING = "breaching"
    NOT_BREACHING = "not_breaching"
    IGNORE = "ignore"
    MISSING = "missing"

    @property
    def cloudwatch(self) -> str:
        """The value of PutMetricAlarm's TreatMissingData."""
        return "notBreaching" if self is Missing.NOT_BREACHING else self.value


@dataclass(frozen=True, slots=True)
class Revert:
    """When borrowed capacity is given back: ``after_ok_s`` of recovery, or ``at_latest_s`` after the change."""

    after_ok_s: int
    at_latest_s: int


@dataclass(frozen=True, slots=True)
class Policy:
    """What one row allows to be done. ``mode`` is already the lower of the row's and the stage's cap.

    ``parameters`` are the action's own, in its units (durations in seconds), checked by its parser at `check` time.
    ``otherwise`` are the steps taken, once each and in order, when this one did not help. ``approve_within_s`` is how long
    an approval may stay unanswered; then it expires and people are called.
    """

    action: str
    parameters: Mapping[str, Json]
    mode: Mode
    limits: tuple[Limit, ...]
    cooldown_s: int
    verify_within_s: int
    revert: Revert | None
    otherwise: tuple[Policy, ...] = ()
    approve_within_s: int = 1800


@dataclass(frozen=True, slots=True)
class Condition:
    """What must not stay true, as people read it and as messages show it.

    ``threshold`` is in the metric's own unit, as CloudWatch compares it. People see ``value * scale`` followed by
    ``unit``: a REST API's 5XXError Average of 0.05 has scale 100 and unit ``%``. ``text`` is the row's own wording
    (``> 90 % of max_connections``), ``metric`` what is measured (``AWS/SQS ApproximateAgeOfOldestMessage``).
    """

    text: str
    metric: str
    operator: Operator
    threshold: float
    unit: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Alarm:
    """One row times one target.

    ``row`` is the full id people type, ``<service>/<component>/<id>`` (``<component>/<id>`` for a row that stands
    alone). ``target`` are the metric's dimensions. ``notify`` is the logical channel, ``channel`` the Slack channel
    it means in this stage. ``runbook`` is the path in the repository and ``runbook_url`` where a reader opens it
    (empty when no base address is configured). ``no_action`` is the stated reason why nothing is safe to do; an
    alarm has policies or that reason. ``settle_s`` is how long alarms of one service are collected before one plan.
    ``bounds`` are the stage's limits wider than one row. ``depends_on`` are the services that this one calls, directly or
    through others, nearest first. ``resources`` are the targets of all of the service's alarms, by component: what a
    diagnosis may look at.
    """

    name: str
    account: str
    region: str
    catalogue: str
    stage: str
    service: str
    component: str
    row: str
    target: Mapping[str, str]
    title: str
    severity: Severity
    owner: str
    notify: str
    channel: str
    language: Language
    runbook: str
    runbook_url: str
    condition: Condition
    period_s: int
    evaluation_periods: int
    datapoints_to_alarm: int
    missing: Missing
    policies: tuple[Policy, ...] = ()
    no_action: str = ""
    settle_s: int = 20
    tags: Mapping[str, str] = field(default_factory=dict)
    bounds: Bounds = field(default_factory=Bounds)
    depends_on: tuple[str, ...] = ()
    resources: Mapping[str, tuple[Mapping[str, str], ...]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Identity across accounts: ``account/region/name``, the key of the catalogue table."""
        return alarm_key(self.account, self.region, self.name)

    @property
    def place(self) -> str:
        """Where it lives, ``account/region``: what is kept about one place is never mixed with another's."""
        return f"{self.account}/{self.region}"

    @property
    def digest(self) -> str:
        """First 16 hex digits of the SHA-256 of the canonical document: two equal alarms have equal digests."""
        text = json.dumps(self.to_document(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_document(self) -> dict[str, Json]:
        """Return the JSON document that the ``catalogue`` table holds."""
        condition = self.condition
        return {
            "version": DOCUMENT_VERSION,
            "name": self.name,
            "account": self.account,
            "region": self.region,
            "catalogue": self.catalogue,
            "stage": self.stage,
            "service": self.service,
            "component": self.component,
            "row": self.row,
            "target": dict(self.target),
            "title": self.title,
            "severity": self.severity.value,
            "owner": self.owner,
            "notify": self.notify,
            "channel": self.channel,
            "language": self.language.value,
            "runbook": self.runbook,
            "runbook_url": self.runbook_url,
            "condition": {
                "text": condition.text,
                "metric": condition.metric,
                "operator": condition.operator.sign,
                "threshold": condition.threshold,
                "unit": condition.unit,
                "scale": condition.scale,
            },
            "period_s": self.period_s,
            "evaluation_periods": self.evaluation_periods,
            "datapoints_to_alarm": self.datapoints_to_alarm,
            "missing": self.missing.value,
            "policies": [_policy_document(policy) for policy in self.policies],
            "no_action": self.no_action,
            "settle_s": self.settle_s,
            "tags": dict(self.tags),
            "bounds": self.bounds.to_document(),
            "depends_on": list(self.depends_on),
            "resources": {component: [dict(target) for target in targets] for component, targets in self.resources.items()},
        }

    @staticmethod
    def from_document(document: Mapping[str, Json]) -> Alarm:
        """Read what ``to_document`` wrote. Unknown keys are ignored: code and rows may differ by one version."""
        condition = document["condition"]
        return Alarm(
            name=document["name"],
            account=document["account"],
            region=document["region"],
            catalogue=document["catalogue"],
            stage=document["stage"],
            service=document["service"],
            component=document["component"],
            row=document["row"],
            target=dict(document["target"]),
            title=document["title"],
            severity=Severity(document["severity"]),
            owner=document["owner"],
            notify=document["notify"],
            channel=document["channel"],
            language=Language(document["language"]),
            runbook=document["runbook"],
            runbook_url=document["runbook_url"],
            condition=Condition(
                text=condition["text"],
                metric=condition["metric"],
                operator=Operator.from_sign(condition["operator"]),
                threshold=float(condition["threshold"]),
                unit=condition["unit"],
                scale=float(condition["scale"]),
            ),
            period_s=int(document["period_s"]),
            evaluation_periods=int(document["evaluation_periods"]),
            datapoints_to_alarm=int(document["datapoints_to_alarm"]),
            missing=Missing(document["missing"]),
            policies=tuple(_policy(item) for item in document["policies"]),
            no_action=document["no_action"],
            settle_s=int(document["settle_s"]),
            tags=dict(document["tags"]),
            bounds=Bounds.from_document(document.get("bounds", {})),
            depends_on=tuple(document.get("depends_on", ())),
            resources={
                component: tuple(dict(target) for target in targets)
                for component, targets in document.get("resources", {}).items()
            },
        )


def alarm_key(account: str, region: str, name: str) -> str:
    """Return the identity of an alarm across accounts and regions."""
    return f"{account}/{region}/{name}"


def _policy_document(policy: Policy) -> dict[str, Json]:
    return {
        "action": policy.action,
        "parameters": dict(policy.parameters),
        "mode": policy.mode.value,
        "limits": [[limit.count, limit.window_s] for limit in policy.limits],
        "cooldown_s": policy.cooldown_s,
        "verify_within_s": policy.verify_within_s,
        "revert": [policy.revert.after_ok_s, policy.revert.at_latest_s] if policy.revert else None,
        "otherwise": [_policy_document(step) for step in policy.otherwise],
        "approve_within_s": policy.approve_within_s,
    }


def _policy(document: Mapping[str, Json]) -> Policy:
    revert = document["revert"]
    return Policy(
        action=document["action"],
        parameters=dict(document["parameters"]),
        mode=Mode(document["mode"]),
        limits=tuple(Limit(int(count), int(window)) for count, window in document["limits"]),
        cooldown_s=int(document["cooldown_s"]),
        verify_within_s=int(document["verify_within_s"]),
        revert=Revert(int(revert[0]), int(revert[1])) if revert else None,
        otherwise=tuple(_policy(step) for step in document["otherwise"]),
        approve_within_s=int(document.get("approve_within_s", 1800)),
    )
