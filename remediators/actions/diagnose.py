"""diagnose: look before anything is done. What is probably the cause, how bad is it, what would an expert do next.

    remediate:
      - action: diagnose

Risk: none. It reads, changes nothing, is never held back, and takes twenty seconds at most. tocsin runs it by itself, first, for
every service whose alarm rings; a row names it only to have it again as a step of ``otherwise``.
Partial answers are answers: what could not be read (permission, throttling, time) is named, and lowers the confidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alarms.domain.action import ActionSpec, Permission, Risk
from alarms.domain.decision import Change, Proposal, Reason, Value
from alarms.domain.masking import masked_document
from alarms.domain.text import Text
from remediators.action import Clients, Permit, Refusal, Situation
from remediators.diagnosis import reading, verdict
from remediators.diagnosis.reading import Seen


class Diagnose:
    """Reads every signal that there is time and permission for, and says the probable cause and the impact."""

    spec = ActionSpec(
        name="diagnose",
        summary="Look at changes, tasks, logs, database, AWS and other alarms, and say the probable cause. Changes nothing.",
        risk=Risk.READ_ONLY,
        changes=False,
        lends=False,
        parameters=(),
        permissions=(
            Permission("cloudwatch:DescribeAlarms", "*", "which other alarms of the stage ring"),
            Permission("cloudwatch:DescribeAlarmHistory", "*", "which alarm rang first"),
            Permission("cloudwatch:GetMetricData", "*", "requests, failures, saturation; metrics have no ARN"),
            Permission(
                "ecs:DescribeServices",
                "arn:{partition}:ecs:{region}:{account}:service/{cluster}/{service}",
                "tasks that run, are wanted, cannot be placed",
            ),
            Permission(
                "ecs:ListServiceDeployments",
                "arn:{partition}:ecs:{region}:{account}:service/{cluster}/{service}",
                "what was deployed before the symptom",
            ),
            Permission("ecs:ListTasks", "*", "tasks that stopped; scoped by the cluster, not by an ARN of tasks"),
            Permission("ecs:DescribeTasks", "arn:{partition}:ecs:{region}:{account}:task/{cluster}/*", "why they stopped"),
            Permission("application-autoscaling:DescribeScalingActivities", "*", "what was scaled, and what hit the maximum"),
            Permission("elasticloadbalancing:DescribeTargetHealth", "*", "which targets are healthy; knows no resources"),
            Permission("cloudtrail:LookupEvents", "*", "who changed what in the last hour; knows no resources"),
            Permission("health:DescribeEvents", "*", "open issues at AWS; needs a paid support plan"),
            Permission("health:DescribeAffectedEntities", "*", "which resources AWS names as affected"),
            Permission(
                "logs:StartQuery",
                "arn:{partition}:logs:{region}:{account}:log-group:{log_group}:*",
                "errors before and during the symptom",
            ),
            Permission("logs:GetQueryResults", "*", "the answer; a query has no ARN"),
            Permission("logs:StopQuery", "*", "end a query whose time is up; a query has no ARN"),
            Permission(
                "secretsmanager:DescribeSecret",
                "arn:{partition}:secretsmanager:{region}:{account}:secret:{secret}-??????",
                "dates of rotation and expiry, never a value",
            ),
            Permission("ssm:DescribeParameters", "*", "when a parameter was changed, never a value"),
            Permission(
                "rds-data:ExecuteStatement",
                "arn:{partition}:rds:{region}:{account}:cluster:{db_cluster}",
                "slots, sessions and locks, where the service states its database",
                only_with="database_secret",
            ),
            Permission(
                "secretsmanager:GetSecretValue", "{database_secret}", "the Data API signs in with it", only_with="database_secret"
            ),
            Permission(
                "rds:DescribeDBInstances",
                "arn:{partition}:rds:{region}:{account}:db:{db_instance}",
                "whether Performance Insights is on",
            ),
            Permission(
                "pi:DescribeDimensionKeys", "arn:{partition}:pi:{region}:{account}:metrics/rds/*", "what the sessions wait for"
            ),
        ),
        example="""\
remediate:
  - action: diagnose
""",
    )

    def problem(self, _: Mapping[str, Any]) -> str | None:
        """Return None: there is nothing to contradict."""
        return None

    def resource(self, situation: Situation) -> str:
        """Return ``diagnosis:<service>``, or the alarm's own key for a row that stands alone: nothing is locked by it."""
        alarm = situation.alarm
        return f"diagnosis:{alarm.service or alarm.key}"

    def observe(self, clients: Clients, situation: Situation) -> Seen:
        """Read every signal, each on its own, within the time that is left; never raises for what AWS answers."""
        return reading.observe(clients, situation)

    def propose(self, observed: Seen, situation: Situation) -> Proposal:
        """Say the probable cause, the grade, and the findings, most important first. No change."""
        found = verdict.judge(observed)
        resource = self.resource(situation)
        return Proposal(self.spec.name, resource, (), verdict.headline(found), lines=verdict.lines(found, situation.alarm))

    def evidence(self, observed: Seen, _: Situation) -> Mapping[str, Any]:
        """Return cause, grade, findings with their figures, and gaps; texts are masked."""
        document: Mapping[str, Any] = masked_document(verdict.document(verdict.judge(observed), observed))
        return document

    def current(self, _: Seen, change: Change) -> Value:
        """Return the value before: nothing moves."""
        return change.before

    def run(self, _: Clients, change: Change, permit: Permit) -> tuple[str, ...]:
        """Refuse: there is no change to make, so none can have been proposed."""
        raise AssertionError(f"diagnose changes nothing, asked for {change} with {permit}")

    def moved(self, _: Seen, proposal: Proposal) -> bool | None:
        """Return None: there is no mechanism, ``proposal`` is only words."""

    def harm(self, _: Seen, proposal: Proposal, situation: Situation) -> None:
        """Return None: nothing is out that could do harm."""

    def restore(self, _: Seen, proposal: Proposal, situation: Situation) -> Refusal:
        """Refuse: nothing was borrowed by ``proposal``."""
        return Refusal(Reason.NOTHING_TO_DO, Text(f"{proposal.action}: {situation.alarm.name}", proposal.action))
