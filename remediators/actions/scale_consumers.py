"""scale-consumers: more consumers for a queue, as many as empty its backlog in time.

    remediate:
      - action: scale-consumers
        with: {drain_within: 10 m, cluster: image, consumer: image-consumer, max_tasks: 40}

The queue is the alarm's own target, QueueName. Needed are ``ceil((backlog / drain_within + arrivals) / one consumer's rate)``.
Risk: reversible (costs tasks, and loads what the consumers call). Changes: for ECS the floor of the scalable target, or the
desired count without one; for Lambda the mapping's MaximumConcurrency. Bounds: ``max_tasks`` and the target's MaxCapacity;
``max_concurrency``, 2 to 1000, and the function's reserved concurrency.
First asks whether the consumers fail: more of them against a poison message or a dead database is harm.
Verify: the tasks run (the mapping is Enabled with the value), and the alarm is OK. Revert: only what is still ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alarms.domain.action import ActionSpec, Parameter, ParameterKind, Permission, Risk
from alarms.domain.decision import Change, Proposal, Reason
from alarms.domain.text import Text
from remediators.action import Clients, Permit, Purpose, Refusal, Situation
from remediators.database import connections
from remediators.database.connections import Connections
from remediators.ecs import ecs_reading, ecs_tasks
from remediators.ecs.ecs_tasks import Tasks
from remediators.queues import backlog as queue_backlog
from remediators.queues import lambda_mapping
from remediators.queues.backlog import Backlog, Sizing
from remediators.queues.lambda_mapping import Mapped

TASKS = Text("tasks", "태스크")
INVOCATIONS = Text("invocations", "동시 실행")


@dataclass(frozen=True, slots=True)
class Consumers:
    """The queue, and who consumes it. ``backlog`` is None where only the mechanism was looked at.

    ``called`` is the database behind a Lambda consumer, where the row names one; that of tasks stands in ``Tasks``.
    """

    backlog: Backlog | None
    consumer: Tasks | Mapped
    called: Connections | None = None

    @property
    def count(self) -> int:
        """How many consume now."""
        return self.consumer.running if isinstance(self.consumer, Tasks) else self.consumer.concurrency or 0


class ScaleConsumers:
    """Sizes ECS tasks, or the concurrency of a Lambda event source mapping, from backlog and drain time."""

    spec = ActionSpec(
        name="scale-consumers",
        summary="Give a queue as many consumers as empty its backlog in time, up to a ceiling; take them back after recovery.",
        risk=Risk.REVERSIBLE,
        changes=True,
        scales=True,
        parameters=(
            Parameter("drain_within", ParameterKind.DURATION, "the backlog should be gone after this time"),
            Parameter("cluster", ParameterKind.TEXT, "ECS: name of the cluster", required=False),
            Parameter("consumer", ParameterKind.TEXT, "ECS: name of the service that consumes", required=False),
            Parameter(
                "max_tasks", ParameterKind.COUNT, "ECS: never more tasks than this", required=False, ceiling=True, maximum=5000
            ),
            Parameter("function", ParameterKind.TEXT, "Lambda: name of the function that consumes", required=False),
            Parameter(
                "max_concurrency",
                ParameterKind.COUNT,
                "Lambda: never more than this many at once",
                required=False,
                ceiling=True,
                maximum=1000,
            ),
            Parameter(
                "message_time",
                ParameterKind.DURATION,
                "mean time that one task needs for one message; estimated from metrics when left out",
                required=False,
            ),
            *connections.PARAMETERS,
        ),
        permissions=(
            Permission("sqs:GetQueueUrl", "arn:{partition}:sqs:{region}:{account}:{queue}", "find the queue"),
            Permission("sqs:GetQueueAttributes", "arn:{partition}:sqs:{region}:{account}:{queue}", "the live backlog"),
            Permission("cloudwatch:GetMetricData", "*", "arrivals and deletions per minute; knows no resources"),
            Permission(
                "ecs:DescribeServices",
                "arn:{partition}:ecs:{region}:{account}:service/{cluster}/{consumer}",
                "tasks that run, are wanted, are being deployed",
            ),
            Permission(
                "ecs:DescribeServiceDeployments",
                "arn:{partition}:ecs:{region}:{account}:service-deployment/{cluster}/{consumer}/*",
                "whether the deployment that the service names is over",
            ),
            Permission(
                "elasticloadbalancing:DescribeTargetHealth",
                "*",
                "whether the tasks are healthy; knows no resources",
                only_with="cluster",
            ),
            Permission(
                "application-autoscaling:DescribeScalableTargets",
                "*",
                "the floor and the maximum; knows no resources",
                only_with="cluster",
            ),
            Permission(
                "application-autoscaling:DescribeScalingPolicies",
                "*",
                "whether target tracking owns the count",
                only_with="cluster",
            ),
            Permission(
                "application-autoscaling:DescribeScalingActivities",
                "*",
                "whether target tracking is at work already",
                only_with="cluster",
            ),
            Permission(
                "application-autoscaling:DescribeScheduledActions", "*", "what is about to rewrite the floor", only_with="cluster"
            ),
            Permission(
                "application-autoscaling:RegisterScalableTarget",
                "arn:{partition}:application-autoscaling:{region}:{account}:scalable-target/*",
                "raise the floor, and give it back",
                only_with="cluster",
            ),
            Permission(
                "ecs:UpdateService",
                "arn:{partition}:ecs:{region}:{account}:service/{cluster}/{consumer}",
                "the desired count of a service without a scalable target",
            ),
            Permission("lambda:ListEventSourceMappings", "*", "the mapping between queue and function", only_with="function"),
            Permission(
                "lambda:GetFunctionConcurrency",
                "arn:{partition}:lambda:{region}:{account}:function:{function}",
                "what the function has reserved bounds the mapping",
            ),
            Permission(
                "lambda:UpdateEventSourceMapping",
                "arn:{partition}:lambda:{region}:{account}:event-source-mapping:*",
                "MaximumConcurrency, up and back",
            ),
        ),
        example="""\
remediate:
  - action: scale-consumers
    with: {drain_within: 10 m, cluster: image, consumer: image-consumer, max_tasks: 40}
    limits: [3 per hour, 10 per day]
    cooldown: 10 m
    verify_within: 15 m
    revert: {after_ok: 30 m, at_latest: 6 h}
    otherwise: [{action: escalate}]
""",
    )

    def problem(self, parameters: Mapping[str, Any]) -> str | None:
        """Return what is wrong between parameters, None when nothing is."""
        ecs = {"cluster", "consumer", "max_tasks"} & set(parameters)
        mapping = {"function", "max_concurrency"} & set(parameters)
        if ecs and mapping:
            return "either cluster, consumer, max_tasks (ECS) or function, max_concurrency (Lambda), not both"
        wanted = ("function", "max_concurrency") if mapping else ("cluster", "consumer", "max_tasks")
        missing = [name for name in wanted if name not in parameters]
        if missing:
            return f"{', '.join(missing)} missing: give cluster, consumer, max_tasks (ECS) or function, max_concurrency (Lambda)"
        if mapping and parameters["max_concurrency"] < 2:
            return "max_concurrency is at least 2: Lambda allows no smaller MaximumConcurrency"
        return connections.problem(parameters)

    def resource(self, situation: Situation) -> str:
        """Return the consuming ECS service, or the function and its queue."""
        parameters = situation.policy.parameters
        if "function" in parameters:
            return lambda_mapping.lock_key(parameters["function"], _queue(situation))
        return ecs_tasks.lock_key(parameters["cluster"], parameters["consumer"])

    def observe(self, clients: Clients, situation: Situation) -> Consumers:
        """Read the consumer; to decide, the queue and its rates too."""
        parameters = situation.policy.parameters
        backlog = None
        if situation.purpose is Purpose.DECIDE:
            backlog = queue_backlog.observe(clients, _queue(situation), situation.now)
        if "function" in parameters:
            arn = backlog.arn if backlog else _queue_arn(clients, situation)
            called = connections.observe(clients, parameters, situation.now) if backlog else None
            return Consumers(backlog, lambda_mapping.observe(clients, parameters["function"], arn), called)
        tasks = ecs_reading.observe(clients, parameters["cluster"], parameters["consumer"], situation)
        return Consumers(backlog, tasks)

    def propose(self, observed: Consumers, situation: Situation) -> Proposal | Refusal:
        """Size from backlog and drain time, unless the consumers are the fault."""
        parameters, backlog, consumer = situation.policy.parameters, observed.backlog, observed.consumer
        if backlog is None:
            return Refusal(Reason.UNKNOWN, Text("The queue was not read.", "큐를 읽지 못했습니다."))
        refused = (
            ecs_tasks.refusal(consumer)
            if isinstance(consumer, Tasks)
            else lambda_mapping.refusal(consumer) or connections.refusal(observed.called)
        ) or queue_backlog.failing(backlog, observed.count)
        if refused is not None:
            return refused
        sizing = queue_backlog.size(backlog, observed.count, parameters["drain_within"], parameters.get("message_time"))
        if isinstance(sizing, Refusal):
            return sizing
        change = _change(observed, sizing.needed, parameters)
        if isinstance(change, Refusal):
            return _with_figures(change, observed, sizing, backlog)
        line = queue_backlog.drain_line(backlog, sizing, observed.count, int(change.after or 0))
        why = _why(observed, sizing, backlog, change, parameters)
        return Proposal(self.spec.name, self.resource(situation), (change,), why, lines=(line,))

    def evidence(self, _: Consumers, situation: Situation) -> None:
        """Return None: the intent says it all."""

    def current(self, observed: Consumers, change: Change) -> int | None:
        """Return the floor, the desired count or the mapping's maximum concurrency."""
        if isinstance(observed.consumer, Tasks):
            return ecs_tasks.current(observed.consumer, change)
        return observed.consumer.concurrency

    def run(self, clients: Clients, change: Change, permit: Permit) -> tuple[str, ...]:
        """Set the knob; the value is absolute, so it may be repeated."""
        if change.knob == lambda_mapping.KNOB:
            return lambda_mapping.apply(clients, change, permit)
        return ecs_tasks.apply(clients, change, permit)

    def moved(self, observed: Consumers, proposal: Proposal) -> bool | None:
        """Tell whether the consumers are there."""
        if isinstance(observed.consumer, Tasks):
            return ecs_tasks.moved(observed.consumer, proposal)
        return lambda_mapping.moved(observed.consumer, proposal)

    def harm(self, _: Consumers, proposal: Proposal, situation: Situation) -> None:
        """Return None: nothing is watched."""

    def restore(self, observed: Consumers, proposal: Proposal, situation: Situation) -> Proposal | Refusal:
        """Propose the way back for what is still ours."""
        if isinstance(observed.consumer, Tasks):
            return ecs_tasks.restore(observed.consumer, proposal, situation)
        return lambda_mapping.restore(observed.consumer, proposal)


def _queue(situation: Situation) -> str:
    return situation.alarm.target.get("QueueName", "")


def _queue_arn(clients: Clients, situation: Situation) -> str:
    sqs = clients("sqs")
    url = sqs.get_queue_url(QueueName=_queue(situation))["QueueUrl"]
    return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


def _change(observed: Consumers, needed: int, parameters: Mapping[str, Any]) -> Change | Refusal:
    if isinstance(observed.consumer, Tasks):
        return ecs_tasks.change_to(observed.consumer, needed, parameters["max_tasks"])
    fits = needed if observed.called is None else min(needed, observed.count + observed.called.tasks)
    return lambda_mapping.change_to(observed.consumer, fits, parameters["max_concurrency"])


def _why(observed: Consumers, sizing: Sizing, backlog: Backlog, change: Change, parameters: Mapping[str, Any]) -> Text:
    granted, consumer = int(change.after or 0), observed.consumer
    if isinstance(consumer, Tasks):
        unit, called, most = TASKS, consumer.connections, ecs_tasks.ceiling(consumer, parameters["max_tasks"])
    else:
        unit, called, most = INVOCATIONS, observed.called, lambda_mapping.ceiling(consumer, parameters["max_concurrency"])
    said = queue_backlog.explained(backlog, sizing, observed.count, granted, unit)
    less = connections.held_back(called, min(sizing.needed, most), granted)
    return Text(said.en + less.en, said.ko + less.ko)


def _with_figures(refusal: Refusal, observed: Consumers, sizing: Sizing, backlog: Backlog) -> Refusal:
    unit = TASKS if isinstance(observed.consumer, Tasks) else INVOCATIONS
    figures = queue_backlog.explained(backlog, sizing, observed.count, observed.count, unit)
    return Refusal(refusal.reason, Text(f"{refusal.why.en} {figures.en}", f"{refusal.why.ko} {figures.ko}"))
