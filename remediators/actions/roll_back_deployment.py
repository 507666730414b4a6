"""roll-back-deployment: give a service back the revision before, when its newest deployment is what went wrong.

    remediate:
      - action: roll-back-deployment
        with: {cluster: image, service: image-api, within: 1 h}

Risk: disruptive (traffic moves; what the deployment migrated in a database stays migrated). In flight: StopServiceDeployment with
ROLLBACK, or ContinueServiceDeployment with ROLLBACK at a PAUSE hook. Over: a new deployment of the last successful revision that
is another, for which a person is asked in every mode. Fenced by the deployment's ARN: another deployment than the one decided
upon is left alone, for it may be somebody's fix. Never retries a rollback that failed. Bounds: ``within``.
Verify: the deployment is ROLLBACK_SUCCESSFUL, or the new one SUCCESSFUL, and the alarm is OK. Nothing is lent: no revert.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alarms.domain.action import ActionSpec, Parameter, ParameterKind, Permission, Risk
from alarms.domain.decision import Change, Proposal, Reason
from alarms.domain.errors import Permanent
from alarms.domain.text import Text
from remediators.action import Clients, Overtaken, Permit, Refusal, Situation
from remediators.ecs import deployments, ecs_tasks, revisions, rollback
from remediators.ecs.rollback import DEPLOYMENT, Seen

_SERVICE = "arn:{partition}:ecs:{region}:{account}:service/{cluster}/{service}"
_DEPLOYMENT = "arn:{partition}:ecs:{region}:{account}:service-deployment/{cluster}/{service}/*"
_REVISION = "arn:{partition}:ecs:{region}:{account}:service-revision/{cluster}/{service}/*"


class RollBackDeployment:
    """Stops a bad deployment with a rollback, or, when it is over, asks to deploy the revision before again."""

    spec = ActionSpec(
        name="roll-back-deployment",
        summary="Roll an ECS service back to the revision before, when its newest deployment is what went wrong.",
        risk=Risk.DISRUPTIVE,
        changes=True,
        lends=False,
        parameters=(
            Parameter("cluster", ParameterKind.TEXT, "name of the ECS cluster"),
            Parameter("service", ParameterKind.TEXT, "name of the ECS service"),
            Parameter(
                "within",
                ParameterKind.DURATION,
                "never roll back a deployment that began (or, when it is over, ended) longer ago than this",
                ceiling=True,
            ),
        ),
        permissions=(
            Permission("ecs:DescribeServices", _SERVICE, "the deployment under way, the stack that owns the service"),
            Permission("ecs:ListServiceDeployments", _SERVICE, "what was deployed, and how it ended"),
            Permission("ecs:DescribeServiceDeployments", _DEPLOYMENT, "stage, bake time, alarms, pauses"),
            Permission("ecs:DescribeServiceRevisions", _REVISION, "what each deployment ran, images by digest"),
            Permission("ecs:DescribeTaskDefinition", "*", "whether the task definition is still ACTIVE; knows no resources"),
            Permission(
                "ecr:DescribeImages",
                "arn:{partition}:ecr:{region}:{account}:repository/*",
                "what a tag stands for now: task definitions, not rows, name the repositories",
            ),
            Permission("cloudwatch:DescribeAlarms", "*", "since when it rings, and what else does"),
            Permission("cloudwatch:DescribeAlarmHistory", "*", "whether it rang before the deployment"),
            Permission("cloudwatch:GetMetricData", "*", "requests and errors of each colour; knows no resources"),
            Permission("elasticloadbalancing:DescribeTargetGroups", "*", "the load balancer of each colour"),
            Permission("ecs:StopServiceDeployment", _DEPLOYMENT, "roll back what is in flight"),
            Permission("ecs:ContinueServiceDeployment", _DEPLOYMENT, "roll back what waits at a pause"),
            Permission("ecs:UpdateService", _SERVICE, "deploy the revision before again"),
            Permission(
                "iam:PassRole",
                "arn:{partition}:iam::{account}:role/*",
                "the roles of the task definition that is deployed again: it, not the row, names them",
                {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            ),
        ),
        example="""\
remediate:
  - action: roll-back-deployment
    with: {cluster: image, service: image-api, within: 1 h}
    limits: [1 per hour, 3 per day]
    cooldown: 30 m
    verify_within: 15 m
    otherwise: [{action: escalate}]
""",
    )

    def problem(self, parameters: Mapping[str, Any]) -> str | None:
        """Return None: the parameters are of one another's concern in nothing."""

    def resource(self, situation: Situation) -> str:
        """Return ``ecs:service/<cluster>/<service>``."""
        parameters = situation.policy.parameters
        return ecs_tasks.lock_key(parameters["cluster"], parameters["service"])

    def observe(self, clients: Clients, situation: Situation) -> Seen:
        """Read deployments and revisions; to decide, what tells whether the newest one is to blame."""
        return rollback.observe(clients, situation)

    def propose(self, observed: Seen, situation: Situation) -> Proposal | Refusal:
        """Propose the way back that there is, or say why there is none to take."""
        return rollback.proposal(observed, situation)

    def evidence(self, observed: Seen, situation: Situation) -> Mapping[str, Any]:
        """Return deployments, revisions, clues and the service's events as they were before the rollback."""
        return rollback.evidence(observed, situation)

    def current(self, observed: Seen, change: Change) -> str | None:
        """Return the deployment's state, or the task definition deployed last, as a change writes it."""
        return rollback.current(observed, change)

    def run(self, clients: Clients, change: Change, permit: Permit) -> tuple[str, ...]:
        """Roll back exactly the deployment decided upon. Overtaken when it is another by now, or has ended meanwhile."""
        cluster, service = change.resource.removeprefix("ecs:service/").split("/", 1)
        found = deployments.observe(clients, cluster, service)
        newest, decided = (found[0] if found else None), change.via.split(" ", 1)[0]
        if newest is None or newest.arn != decided:
            raise Overtaken(rollback.another(newest))
        if change.knob == DEPLOYMENT:
            return _stop(clients, newest, permit)
        return _redeploy(clients, found, change, permit)

    def moved(self, observed: Seen, proposal: Proposal) -> bool | None:
        """Tell whether the way back has come to its end; None while it goes on."""
        return rollback.moved(observed, proposal)

    def harm(self, _: Seen, proposal: Proposal, situation: Situation) -> None:
        """Return None: nothing is watched."""

    def restore(self, _: Seen, proposal: Proposal, situation: Situation) -> Refusal:  # noqa: ARG002 - the contract's
        """Return that there is nothing to give back: the next release is the way forward."""
        return Refusal(
            Reason.NOTHING_TO_DO,
            Text("A rollback is not taken back: release again.", "롤백은 되돌리지 않습니다. 다시 배포하십시오."),
        )


def _stop(clients: Clients, newest: deployments.Deployment, permit: Permit) -> tuple[str, ...]:
    """Roll back what is in flight. What rolls back already is left to it."""
    if newest.status in (*deployments.ROLLING_BACK, "ROLLBACK_SUCCESSFUL"):
        return ()
    if not newest.open:
        raise Overtaken(rollback.ended(newest))
    ecs = clients("ecs")
    permit()
    try:
        if newest.pause:
            answer = ecs.continue_service_deployment(serviceDeploymentArn=newest.arn, hookId=newest.pause, action="ROLLBACK")
        else:
            answer = ecs.stop_service_deployment(serviceDeploymentArn=newest.arn, stopType="ROLLBACK")
    except Permanent as failure:
        if failure.code != "ConflictException":
            raise
        raise Overtaken(rollback.ended(newest)) from failure
    return (str(answer["ResponseMetadata"]["RequestId"]),)


def _redeploy(clients: Clients, found: tuple[deployments.Deployment, ...], change: Change, permit: Permit) -> tuple[str, ...]:
    """Deploy the revision decided upon again, with what else differs; all of it is looked at once more first."""
    newest, arn = found[0], change.via.split(" ", 1)[1]
    if newest.status != "SUCCESSFUL":
        raise Overtaken(rollback.ended(newest))
    known = revisions.observe(clients, (newest.revision, arn))
    bad, good = known.get(newest.revision), known.get(arn)
    if bad is None or good is None or (bad.name, good.name) != (change.before, change.after):
        raise Overtaken(rollback.another(newest))
    members = revisions.restored(bad, good)
    refused = members if isinstance(members, Refusal) else revisions.deployable(clients, good)
    if isinstance(refused, Refusal) or isinstance(members, Refusal):
        raise Overtaken(refused.why if refused else Text("", ""))
    cluster, service = change.resource.removeprefix("ecs:service/").split("/", 1)
    permit()
    answer = clients("ecs").update_service(cluster=cluster, service=service, taskDefinition=good.definition, **members)
    return (str(answer["ResponseMetadata"]["RequestId"]),)
