"""scale-service: the floor of a scalable target is raised and given back; so is a desired count that nobody else owns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hostile_world import deregister
from remediation_world import SCALE_API, World, api_alarm

from action_stories import ActionStory, often

CAREFUL = {"database": "image-db-1", "connections_per_task": 5, "max_connections": 1000}
ROW = api_alarm(often(replace(SCALE_API, parameters={**SCALE_API.parameters, **CAREFUL})))
ALONE = replace(api_alarm(often(SCALE_API)), name=ROW.name + "-alone")


def balanced(service: str) -> Callable[[World], None]:
    """Return what puts the service behind a load balancer, its last deployment over and still named."""

    def prepare(told: World) -> None:
        told.aws.ecs.names_finished = True
        group = told.aws.balancing.preload(service)
        behind = [{"targetGroupArn": group, "containerName": "app", "containerPort": 80}]
        told.client("ecs").update_service(cluster="image", service=service, loadBalancers=behind)
        told.aws.ecs.settle("image", service)
        told.wait(300, step=100)

    return prepare


def connected(told: World) -> None:
    """Let the database that the tasks call have 40 connections for the last minutes."""
    told.scale_in()
    dimensions = [{"Name": "DBInstanceIdentifier", "Value": "image-db-1"}]
    point = {"MetricName": "DatabaseConnections", "Dimensions": dimensions, "Value": 40.0, "Timestamp": told.now}
    told.client("cloudwatch").put_metric_data(Namespace="AWS/RDS", MetricData=[point])


def growing(service: str) -> Callable[[World], None]:
    """Return what lets somebody scale the service out right before the alarm rings."""

    def again(told: World) -> None:
        told.scale_in()
        told.wait(1200, step=300)
        told.client("ecs").update_service(cluster="image", service=service, desiredCount=5)

    return again


STORIES = (
    ActionStory("the floor", ROW, World.floor, prepare=balanced("image-api"), again=connected),
    ActionStory("the desired count", ALONE, World.desired, prepare=deregister, again=World.scale_in),
    ActionStory("after what grows already", ALONE, World.floor, again=growing("image-api"), rings_s=600),
)
