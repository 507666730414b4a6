"""ECS on virtual time: what is asked for takes its time to run."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.aws import Embedded


class Platform:
    """One cluster with one service of two tasks."""

    def __init__(self, aws: Embedded, **members: Any) -> None:
        self.ecs = aws.client("ecs")
        self.ecs.create_cluster(clusterName="image")
        self.register("v1")
        wanted = {"cluster": "image", "serviceName": "image-api", "taskDefinition": "api", "desiredCount": 2, **members}
        self.ecs.create_service(**wanted)
        aws.ecs.settle("image", "image-api")

    def register(self, image: str) -> None:
        self.ecs.register_task_definition(family="api", containerDefinitions=[{"name": "api", "image": f"api:{image}"}])

    def update(self, **members: Any) -> None:
        self.ecs.update_service(cluster="image", service="image-api", **members)

    def service(self) -> dict[str, Any]:
        return dict(self.ecs.describe_services(cluster="image", services=["image-api"])["services"][0])

    def counts(self) -> tuple[int, int, int]:
        service = self.service()
        return service["desiredCount"], service["runningCount"], service["pendingCount"]

    def deployment(self) -> dict[str, Any]:
        arn = self.ecs.list_service_deployments(cluster="image", service="image-api")["serviceDeployments"][0]
        found = self.ecs.describe_service_deployments(serviceDeploymentArns=[arn["serviceDeploymentArn"]])
        return dict(found["serviceDeployments"][0])


@pytest.fixture
def platform(aws: Embedded) -> Platform:
    return Platform(aws)


def test_new_tasks_are_pending_until_their_start_up_is_over(aws: Embedded, platform: Platform) -> None:
    """And no deployment is started by a change of the desired count."""
    platform.update(desiredCount=5)
    assert platform.counts() == (5, 2, 3)
    aws.clock.advance(39)
    assert platform.counts() == (5, 2, 3)
    aws.clock.advance(1)
    assert platform.counts() == (5, 5, 0)
    assert "currentServiceDeployment" not in platform.service()
    assert "has reached a steady state" in platform.service()["events"][0]["message"]


def test_scaling_in_takes_what_only_starts_first(aws: Embedded, platform: Platform) -> None:
    """The running ones stay as long as possible; stopped tasks can be read for an hour."""
    platform.update(desiredCount=4)
    platform.update(desiredCount=1)
    assert platform.counts() == (1, 1, 0)
    aws.clock.advance(60)
    stopped = platform.ecs.list_tasks(cluster="image", desiredStatus="STOPPED")["taskArns"]
    told = platform.ecs.describe_tasks(cluster="image", tasks=stopped)["tasks"]
    assert {task["stopCode"] for task in told} == {"ServiceSchedulerInitiated"}
    assert {task["lastStatus"] for task in told} == {"STOPPED"}
    aws.clock.advance(3600)
    assert not platform.ecs.list_tasks(cluster="image", desiredStatus="STOPPED")["taskArns"]


def test_a_stopped_or_crashed_task_is_replaced(aws: Embedded, platform: Platform) -> None:
    """And says why it ended."""
    first = platform.ecs.list_tasks(cluster="image", serviceName="image-api")["taskArns"][0]
    platform.ecs.stop_task(cluster="image", task=first, reason="drill")
    aws.ecs.crash("image", "image-api", 1, "OutOfMemoryError: Container killed due to memory usage", 137)
    assert platform.counts() == (2, 0, 2)
    aws.clock.advance(40)
    assert platform.counts() == (2, 2, 0)
    arns = platform.ecs.list_tasks(cluster="image", desiredStatus="STOPPED")["taskArns"]
    told = {task["stopCode"]: task for task in platform.ecs.describe_tasks(cluster="image", tasks=arns)["tasks"]}
    assert told["UserInitiated"]["stoppedReason"] == "drill"
    assert told["EssentialContainerExited"]["containers"][0]["exitCode"] == 137


def test_tasks_that_cannot_be_placed_stay_asked_for(aws: Embedded, platform: Platform) -> None:
    """The mechanism does not move, and the events say why."""
    aws.ecs.block("image", "image-api", "No Container Instances were found in your capacity provider")
    platform.update(desiredCount=4)
    aws.clock.advance(300)
    assert platform.counts() == (4, 2, 0)
    assert "unable to place a task" in platform.service()["events"][0]["message"]
    aws.ecs.block("image", "image-api", "")
    aws.clock.advance(40)
    assert platform.counts() == (4, 4, 0)


@pytest.mark.parametrize(
    ("call", "members", "code"),
    [
        ("describe_services", {"cluster": "none", "services": ["image-api"]}, "ClusterNotFoundException"),
        ("update_service", {"cluster": "image", "service": "none", "desiredCount": 1}, "ServiceNotFoundException"),
        ("update_service", {"cluster": "image", "service": "image-api", "desiredCount": -1}, "InvalidParameterException"),
        ("update_service", {"cluster": "image", "service": "image-api", "taskDefinition": "none"}, "ClientException"),
        ("list_tasks", {"cluster": "image", "serviceName": "none"}, "ServiceNotFoundException"),
        (
            "create_service",
            {"cluster": "image", "serviceName": "image-api", "taskDefinition": "api"},
            "InvalidParameterException",
        ),
        ("describe_services", {"cluster": "image", "services": ["a"] * 11}, "InvalidParameterException"),
    ],
)
def test_errors_are_ecss_own(platform: Platform, call: str, members: dict[str, Any], code: str) -> None:
    """Code by code."""
    with pytest.raises(ClientError) as failure:
        getattr(platform.ecs, call)(**members)
    assert failure.value.response["Error"]["Code"] == code


def test_an_unknown_service_is_a_failure_in_the_answer(platform: Platform) -> None:
    """DescribeServices does not raise for it."""
    answer = platform.ecs.describe_services(cluster="image", services=["image-api", "none"])
    assert [service["serviceName"] for service in answer["services"]] == ["image-api"]
    assert answer["failures"][0]["reason"] == "MISSING"


def test_a_rolling_deployment_replaces_every_task(aws: Embedded, platform: Platform) -> None:
    """Old tasks stay until the new ones run."""
    platform.register("v2")
    platform.update(taskDefinition="api:2")
    service = platform.service()
    assert [(item["status"], item["runningCount"], item["pendingCount"]) for item in service["deployments"]] == [
        ("PRIMARY", 0, 2),
        ("ACTIVE", 2, 0),
    ]
    assert service["currentServiceDeployment"] == platform.deployment()["serviceDeploymentArn"]
    aws.clock.advance(40)
    service = platform.service()
    assert [item["rolloutState"] for item in service["deployments"]] == ["COMPLETED"]
    assert service["taskDefinition"].endswith("api:2")
    assert platform.deployment()["status"] == "SUCCESSFUL"
    assert platform.counts() == (2, 2, 0)


def test_a_blue_green_deployment_bakes_before_blue_goes(aws: Embedded) -> None:
    """Both revisions run until the bake time is over: never size anything by runningCount meanwhile."""
    platform = Platform(aws, deploymentConfiguration={"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5})
    platform.register("v2")
    platform.update(taskDefinition="api:2")
    aws.clock.advance(60)
    assert platform.deployment()["lifecycleStage"] == "BAKE_TIME"
    assert platform.service()["runningCount"] == 4
    aws.clock.advance(300)
    assert platform.deployment()["status"] == "SUCCESSFUL"
    assert platform.service()["runningCount"] == 2


def test_a_stopped_deployment_rolls_back_to_the_revision_before(aws: Embedded) -> None:
    """Asked for, under way, done; repeating it is harmless until it is over."""
    platform = Platform(aws, deploymentConfiguration={"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5})
    platform.register("v2")
    platform.update(taskDefinition="api:2")
    aws.clock.advance(60)
    arn = platform.deployment()["serviceDeploymentArn"]
    platform.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    assert platform.deployment()["status"] == "ROLLBACK_REQUESTED"
    aws.clock.advance(5)
    assert platform.deployment()["status"] == "ROLLBACK_IN_PROGRESS"
    platform.ecs.stop_service_deployment(serviceDeploymentArn=arn)
    aws.clock.advance(60)
    assert platform.deployment()["status"] == "ROLLBACK_SUCCESSFUL"
    assert platform.service()["taskDefinition"].endswith("api:1")
    assert platform.counts() == (2, 2, 0)
    with pytest.raises(ClientError, match="ConflictException"):
        platform.ecs.stop_service_deployment(serviceDeploymentArn=arn)
    aws.clock.advance(3600)
    assert platform.service()["taskDefinition"].endswith("api:1")
