"""diagnose: everything is looked at that the service has, and nothing else."""

from __future__ import annotations

import dataclasses
from typing import Any

from remediation_world import ACCOUNT, API_RESOURCE, REGION, World, api_alarm, policy

from action_stories import ActionStory

LOGS, SECRET, PARAMETER = "/ecs/image-api", "partner/token", "/image/limit"
READER = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:image-db/reader-AbCdEf"
RESOURCES: Any = {
    "ecs": ({"ClusterName": "image", "ServiceName": "image-api"},),
    "alb": ({"LoadBalancer": "app/image/0123456789abcdef"},),
    "aurora": ({"DBInstanceIdentifier": "image-db-1"},),
    "database": ({"DBClusterIdentifier": "image-db", "DatabaseSecret": READER, "Database": "image"},),
    "logs": ({"LogGroupName": LOGS},),
    "secrets": ({"SecretId": SECRET},),
    "parameters": ({"Name": PARAMETER},),
}
# moto knows nothing of Performance Insights.
INSTANCE: Any = {
    "DBInstances": [{"DBInstanceIdentifier": "image-db-1", "DbiResourceId": "db-ABC", "PerformanceInsightsEnabled": True}]
}
LOOK = policy("diagnose", {}, limits=(), cooldown_s=0, revert=None, otherwise=())
ROW = dataclasses.replace(api_alarm(LOOK), resources=RESOURCES)


def surroundings(told: World) -> None:
    told.aws.seam.serve("rds", {"DescribeDBInstances": lambda *_: INSTANCE}, others_to_moto=True)
    told.aws.seam.serve("pi", {"DescribeDimensionKeys": lambda *_: {"Keys": []}})
    told.client("secretsmanager").create_secret(Name=SECRET, SecretString="not to be read")
    told.client("ssm").put_parameter(Name=PARAMETER, Value="1", Type="String")
    told.aws.health.preload("ECS", affected=("image-api",))
    told.aws.logs.preload(LOGS, [(told.now, "ERROR it broke")])
    group = told.aws.balancing.preload("image-api")
    balanced = [{"targetGroupArn": group, "containerName": "app", "containerPort": 80}]
    told.client("ecs").update_service(cluster="image", service="image-api", loadBalancers=balanced)
    told.aws.ecs.settle("image", "image-api")


def stopped(told: World) -> None:
    (first, *_) = told.client("ecs").list_tasks(cluster="image", serviceName="image-api")["taskArns"]
    told.client("ecs").stop_task(cluster="image", task=first)
    told.aws.ecs.settle("image", "image-api")


def untouched(told: World) -> tuple[int, int]:
    return told.floor(API_RESOURCE), told.desired()


STORIES = (
    ActionStory("all there is", ROW, untouched, prepare=surroundings, again=stopped, phases=("escalated",), gives_back=False),
)
