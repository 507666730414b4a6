"""How a new version of a function comes into use: by degrees, and back again by itself when it breaks.

The functions of the queues are called once a minute even when nothing happens (schedules.py), so a version that cannot start is
seen with a tenth of the calls. The door is pressed seldom, and a press that breaks is seen by whoever pressed: it gets a tenth
for ten minutes, then all.
"""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.aws.findings import accept
from infra.aws.pipeline import statements as s
from infra.aws.pipeline.functions import ALIAS, Deployed
from infra.aws.pipeline.place import Place

SHIFTS: Mapping[str, str] = {
    "notifier": "LINEAR_10_PERCENT_EVERY_3_MINUTES",
    "remediators": "LINEAR_10_PERCENT_EVERY_3_MINUTES",
    "interactive": "CANARY_10_PERCENT_10_MINUTES",
}


def shift_gradually(
    scope: Construct, place: Place, deployed: Mapping[str, Deployed], alarms: Mapping[str, cloudwatch.CfnAlarm]
) -> None:
    """Let CodeDeploy shift each alias; ``alarms`` are, by function, what turns it back."""
    application = codedeploy.LambdaApplication(scope, "Deploys", application_name=place.base)
    role = _role(scope, place, list(deployed))
    for room, one in deployed.items():
        ident = room.capitalize()
        group = codedeploy.LambdaDeploymentGroup(
            scope,
            f"{ident}Deploys",
            application=application,
            deployment_group_name=place.named(room),
            alias=one.alias,
            role=role,
            deployment_config=getattr(codedeploy.LambdaDeploymentConfig, SHIFTS[room]),
            alarms=[cloudwatch.Alarm.from_alarm_name(scope, f"{ident}TurnsBack", str(alarms[room].alarm_name))],
            auto_rollback=codedeploy.AutoRollbackConfig(
                failed_deployment=True, stopped_deployment=True, deployment_in_alarm=True
            ),
        )
        group.node.add_dependency(alarms[room])


def _role(scope: Construct, place: Place, rooms: list[str]) -> iam.IRole:
    """Make the role that shifts these aliases and looks at alarms. AWS's managed policy would let it shift every alias."""
    functions = [place.function(room) for room in rooms]
    shift = ["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"]
    role = iam.Role(
        scope,
        "DeploysRole",
        role_name=place.named("deploys"),
        description=f"Shifts the aliases of {place.base}",
        assumed_by=iam.ServicePrincipal("codedeploy.amazonaws.com"),
        inline_policies={
            "shift": iam.PolicyDocument.from_json(
                s.document(
                    [
                        s.allow("Shift", shift, [*functions, *(f"{one}:{ALIAS}" for one in functions)]),
                        s.allow("Alarms", ["cloudwatch:DescribeAlarms"], ["*"]),
                    ]
                )
            )
        },
    )
    accept(role, nag={"IAM5[Resource::*]": "cloudwatch:DescribeAlarms returns composite alarms on * only"})
    return role.without_policy_updates()
